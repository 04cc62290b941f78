from hypothesis import settings

# The checkout may belong to another account than the one that runs the tests.
settings.register_profile("without a database", database=None)
settings.load_profile("without a database")
