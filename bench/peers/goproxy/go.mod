module hearth.dev/bench/goproxy

go 1.19
