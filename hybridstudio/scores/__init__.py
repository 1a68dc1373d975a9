"""How good and how various pictures are: distances to a data set, in the features of a network."""
