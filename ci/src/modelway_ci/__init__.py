"""The Dagger module: containers of the stages, chained; what a stage does is written in `src/`, once."""
