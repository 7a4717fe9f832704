hearth_test(controller_scale_test DIR unit/controller/scale DEPS controller_scale)
hearth_test(controller_reconcile_test DIR unit/controller/reconcile DEPS controller_reconcile)
