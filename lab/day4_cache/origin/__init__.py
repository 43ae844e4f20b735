"""The origin: products and sales in a database that answers rightly, and slowly."""
