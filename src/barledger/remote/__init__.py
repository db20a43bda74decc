"""The library of another machine, over its HTTP face: the reading half of a `BarLedger`, whose bars travel as Arrow."""
