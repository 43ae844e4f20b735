"""The tables, and the mistake that makes them slow: a basket is a list in a column, which no index can help."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, String, cast, func, insert, literal, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

PRODUCTS = 60


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, default=1)
    sold_before: Mapped[int] = mapped_column(Integer, default=0)
    """How many baskets had it when its price was last changed."""


class Sale(Base):
    __tablename__ = "sales"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    basket: Mapped[str] = mapped_column(String(200))
    """Ids between commas: `,7,49,31,`."""


def furnish(session: Session, sales: int) -> None:
    """Fill an empty database; in one that has products, nothing is done."""
    if session.scalar(select(func.count()).select_from(Product)):
        return
    for number in range(1, PRODUCTS + 1):
        session.add(Product(id=str(number), name=f"Product {number}", price=1000 * number, version=1, sold_before=0))
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < sales))
    comma = literal(",")
    basket: ColumnElement[str] = comma
    for step in (1, 7, 13):
        basket = basket + cast(numbers.c.n * step % PRODUCTS + 1, String) + comma
    session.execute(insert(Sale).from_select(["number", "basket"], select(numbers.c.n, basket)))
