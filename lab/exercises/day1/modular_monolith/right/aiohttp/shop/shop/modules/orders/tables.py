from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, String, Table

metadata = MetaData()
orders = Table(
    "orders_orders",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, unique=True, nullable=False),
    Column("user_id", String, nullable=False, index=True),
    Column("items", JSON, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("created_at", String, nullable=False),
    sqlite_autoincrement=True,
)
