"""`python -m app.cli`: the same as `halyard`, where no script is installed."""

from app.cli.main import main

main()
