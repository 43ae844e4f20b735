"""The catalogue of faults as data, their text form, and the plan that says what is hit."""
