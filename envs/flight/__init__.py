"""The parts of the flight world: airports, airlines, the timetable, coupons, prices, tasks and pages."""
