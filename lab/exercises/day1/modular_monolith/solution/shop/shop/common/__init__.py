"""What modules share: nothing that knows any of them, and nothing that is stored."""
