"""One transaction is one plain function: `await database.write(work)`. See docs/explanation/transactions.md."""
