"""Takes orders, and conducts what has to happen until they are delivered or taken back."""
