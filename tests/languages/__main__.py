"""`./run languages`: renew the catalogues, and say which texts wait for a translation."""

import sys

from tests.languages.catalogues import TRANSLATED, folder, refresh

missing = 0
for language in TRANSLATED:
    waiting = refresh(language)
    missing += len(waiting)
    for text in waiting:
        sys.stdout.write(f"{language} lacks: {text}\n")
    sys.stdout.write(f"{language}: {folder(language)}, {len(waiting)} texts to translate\n")
sys.exit(1 if missing else 0)
