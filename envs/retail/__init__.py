"""The retail world: customers, orders and products, the tools of their service desk, and who calls it."""
