"""The pages behind the sign-in, one file each."""
