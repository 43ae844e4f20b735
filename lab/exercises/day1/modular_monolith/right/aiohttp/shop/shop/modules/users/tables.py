from sqlalchemy import Column, Integer, MetaData, String, Table

metadata = MetaData()
users = Table(
    "users_users",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, unique=True, nullable=False),
    Column("email", String, unique=True, nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", String, nullable=False),
    sqlite_autoincrement=True,
)
