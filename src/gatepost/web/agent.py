"""What a browser calls itself, in few words: enough to recognise one's own in a list. Nothing is decided by it."""

# The first that fits counts: most browsers also name those they want to be taken for.
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox")),
    *(("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows")),
    *(("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux")),
)
_MAX_CHARACTERS = 60


def browser_name(agent: str | None) -> str | None:
    """Name the browser and its system, "Firefox · Windows"; a program keeps its own name. None: it said nothing."""
    if not agent:
        return None
    browser = next((name for sign, name in _BROWSERS if sign in agent), None)
    if browser is None:
        return agent[:_MAX_CHARACTERS]
    system = next((name for sign, name in _SYSTEMS if sign in agent), None)
    return f"{browser} · {system}" if system else browser
