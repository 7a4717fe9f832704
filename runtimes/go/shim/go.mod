module hearth

go 1.18
