"""`gatepost doctor`: what keeps mail from going out or arriving, and what to do about each. It changes nothing."""
