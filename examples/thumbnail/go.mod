module thumbnail

go 1.18

require golang.org/x/image v0.18.0
