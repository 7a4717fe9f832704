hearth_test(controller_scale_test DIR unit/controller/scale DEPS controller_scale)
