hearth_test(bench_load_test DIR unit/bench/load DEPS bench_load)
