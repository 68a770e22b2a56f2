"""JSON text: checked, brought to its canonical form, walked member by member, merged."""
