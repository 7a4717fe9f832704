hearth_test(core_model_test DIR unit/core/model DEPS core_model hearth_json)
hearth_test(model_property_test DIR property/model DEPS core_model hearth_json LABELS property)
