"""Fields for passwords in a real browser: what programs fill in, what is shown, and what is said about a new one."""

from urllib.parse import parse_qs

from playwright.sync_api import Page, Request, expect

from gatepost.accounts.password_policy import PasswordPolicy
from tests.browser.house import LAPTOP, PASSWORD, House
from tests.support.service import Service

_WHOSE, _CURRENT, _NEW = ("email", "username"), ("password", "current-password"), ("password", "new-password")
# What a password program sees of each form; a name is none of its business.
FORMS = {
    "/login": [_WHOSE, _CURRENT],
    "/register": [_WHOSE, _NEW],
    "/reset?token=a": [_NEW],
    "/reset/request": [_WHOSE],
    "/verify/request": [_WHOSE],
    "/account/password": [_WHOSE, _CURRENT, _NEW],
    "/account/email": [_WHOSE, ("email", "email"), _CURRENT],
    "/account/delete": [_WHOSE, _CURRENT],
}
KNOWN = ("Müller-Lüdenscheidt 😀", "harbour.master@localhost")
TYPED = [
    *(
        "localhost localhost",
        "localhost 12 localhost",
        "harbour-harbour-1",
        "master and margarita",
        "harbour😀😀😀😀😀😀😀😀😀",
    ),
    *(
        "müller müller",
        "MU\u0308LLER mu\u0308ller",
        "lüdenscheidt 2026",
        "Lu\u0308denscheidt!!",
        "tidewater 1234",
        "T1dewater T1dewater",
    ),
    *(
        "😀😁😀😁😀😁😀😁😀😁😀😁",
        "😀😁😂😀😁😂😀😁😂😀😁😂",
        "ΑΒΓΑΒΓΑΒΓΑΒΓ",
        "ßßßßßßßßßßßßß",
        "ssßssßssßssßssß",
        "123456123456",
    ),
    *(
        "1234567890-=",
        "zxcvbnm,./asdf",
        "zyxwvutsrqpon",
        "aaaabbbbccccdddd",
        "abcabcabcabca",
        "abcdeabcdeabcde",
        "qwer asdf zxcv",
    ),
    *(
        "eleven char",
        "twelve chars",
        "e\u0301" * 11,
        "e\u0301" * 12 + "xyz",
        "harbour²²²²²²²²",
        "master₁₂₃ⅧⅧⅧⅧⅧⅧⅧⅧ",
        "harbour+=<>~$",
    ),
]


def _open(window: Page, service: Service, path: str) -> list[Request]:
    """Open a page; returns the list into which go the requests it sends from then on, but for its icon."""
    window.goto(f"http://127.0.0.1:{service.port}{path}")
    sent: list[Request] = []
    window.on("request", lambda request: None if "icon" in request.url else sent.append(request))
    return sent


def test_what_is_typed_can_be_seen_and_is_hidden_again(window: Page, forms_house: House) -> None:
    """The button says whether it is pressed; before the form is sent the password is dots again."""
    _open(window, forms_house.everyday, "/register")
    window.get_by_label("Email address").fill("mira@example.com")
    window.get_by_label("Password").fill("short")
    field, button = window.get_by_label("Password"), window.get_by_role("button", name="Show what you type")
    for pressed, kind in (("true", "text"), ("false", "password"), ("true", "text")):
        button.click()
        expect(button).to_have_attribute("aria-pressed", pressed)
        expect(field).to_have_attribute("type", kind)
    forms_house.everyday.freeze()
    try:
        window.get_by_role("button", name="Create account").click()
        expect(field).to_have_attribute("type", "password")
        expect(button).to_have_attribute("aria-pressed", "false")
    finally:
        forms_house.everyday.thaw()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_value("short")
    expect(button).to_have_count(1)  # the answer knows nothing of it; it is made again


def test_the_hint_says_how_long_a_password_is(window: Page, forms_house: House) -> None:
    """What is missing, what is easy to guess, and when it is long enough; and not a byte leaves the window."""
    sent = _open(window, forms_house.everyday, "/register")
    window.get_by_label("Name").fill("Miranda Lind")
    window.get_by_label("Email address").fill("harbourmaster@example.com")
    hint = window.locator(".strength")
    for typed, words in (
        ("short", "Characters to go: 7"),
        ("eleven chrs", "Characters to go: 1"),
        ("é" * 5, "Characters to go: 7"),
        ("😀 moon tide", "Characters to go: 1"),
        ("aaaaaaaaaaaaaaaa", "Easy to guess: repeats, or rows of keys."),
        ("abcdabcdabcdabcd", "Easy to guess: repeats, or rows of keys."),
        ("qwertyuiop12345", "Easy to guess: repeats, or rows of keys."),
        ("Harbourmaster 2026", "Easy to guess: your name or your address."),
        ("Miranda-Miranda", "Easy to guess: your name or your address."),
        ("tidewater tidewater", "Easy to guess: your name or your address."),
        (PASSWORD, "Long enough."),
        ("", ""),
    ):
        window.get_by_label("Password").fill(typed)
        expect(hint).to_have_text(words)
    expect(window.locator(".note [aria-live=polite]")).to_have_text("")
    assert [] == sent


def test_the_hint_says_nothing_that_the_server_denies(window: Page, forms_house: House) -> None:
    """Whatever it calls easy to guess is refused, and it counts characters as the server does."""
    policy = PasswordPolicy(12, "Tidewater")
    _open(window, forms_house.everyday, "/register")
    window.get_by_label("Name").fill(KNOWN[0])
    window.get_by_label("Email address").fill(KNOWN[1])
    for typed in TYPED:
        window.get_by_label("Password").fill(typed)
        hint = window.locator(".strength").inner_text()
        problem = policy.problem(typed, KNOWN)
        code = problem.code if problem else None
        if hint.startswith("Characters to go"):
            assert (typed, "too_short") == (typed, code)
        elif hint.startswith("Easy to guess"):
            assert (typed, True) == (typed, code in ("too_common", "too_personal"))
        else:
            assert (typed, "Long enough.", False) == (typed, hint, code == "too_short")


def test_caps_lock_is_told(window: Page, forms_house: House) -> None:
    """While it is on, at the field one types into."""
    _open(window, forms_house.everyday, "/login")
    field = window.get_by_label("Password")
    field.focus()
    field.dispatch_event("keydown", {"key": "A", "modifierCapsLock": True})
    expect(window.get_by_text("Caps Lock is on.")).to_be_visible()
    field.dispatch_event("keydown", {"key": "a"})
    expect(window.get_by_text("Caps Lock is on.")).to_have_count(0)


def test_s12_every_form_suits_a_password_program(window: Page, forms_house: House) -> None:
    """Each field for a password says which one it wants, takes a pasted one, and stands with whose it is."""
    address = forms_house.person()
    base = f"http://127.0.0.1:{forms_house.everyday.port}"
    cookie = forms_house.sign_in(address, LAPTOP)
    window.context.add_cookies([{"name": "gatepost", "value": cookie, "url": base}])
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path, kinds in FORMS.items():
        window.goto(base + path)
        window.evaluate("navigator.clipboard.writeText('pasted and long enough')")
        fields = window.locator("main form input:not([type=hidden], #name)")
        found = [(one.get_attribute("type"), one.get_attribute("autocomplete")) for one in fields.all()]
        assert (path, kinds) == (path, found)
        for field in window.locator("input[type=password]").all():
            field.focus()
            window.keyboard.press("Control+V")
            expect(field).to_have_value("pasted and long enough")
        for known in window.locator("#username").all():
            assert (address, None) == (known.input_value(), known.get_attribute("name"))


def test_a_new_password_is_set_without_its_owner_being_named_to_us(window: Page, forms_house: House) -> None:
    """The hidden field with the address is for password programs alone: it is not sent."""
    cookie = forms_house.sign_in(forms_house.person(), LAPTOP)
    window.context.add_cookies(
        [{"name": "gatepost", "value": cookie, "url": f"http://127.0.0.1:{forms_house.everyday.port}"}]
    )
    sent = _open(window, forms_house.everyday, "/account/password")
    window.get_by_label("Current password").fill("not her password")
    window.get_by_label("New password").fill("the harbour lights at four")
    window.get_by_role("button", name="Change password").click()
    expect(window.get_by_label("Current password")).to_be_focused()
    expect(window.get_by_label("New password")).to_have_value("the harbour lights at four")
    window.get_by_label("Current password").fill(PASSWORD)
    window.get_by_role("button", name="Change password").click()
    expect(window.get_by_role("heading", name="Password changed")).to_be_focused()
    bodies = [one.post_data or "" for one in sent if one.method == "POST"]
    assert [["current_password", "form_key", "password"]] * 2 == [sorted(parse_qs(body)) for body in bodies]
