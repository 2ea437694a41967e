  // ---- Checks of single fields -----------------------------------------------

  function add_check(id, inputs, name, required) {
    if (!inputs.length) return;
    checks = checks.filter(function (check) { return check.inputs[0] !== inputs[0]; });
    checks.push({ id: id, name: name, inputs: inputs, required: required, state: "", turn: 0 });
    var mark = required ? window.CKM.required_class : window.CKM.ajax_class;
    inputs.forEach(function (input) { add_class(input, mark); });
  }

  // Inputs that the page itself has marked as required.
  function adopt_marked() {
    form_inputs().forEach(function (input) {
      if (!has_class(input, window.CKM.required_class) || check_of(input)) return;
      add_check(null, inputs_of(input.name, null, input), input.name, window.CKM.required_error);
    });
  }

  function check_of(input) {
    return checks.filter(function (check) { return check.inputs.indexOf(input) >= 0; })[0];
  }

  function changed(event) {
    var input = event.target;
    if (has_class(input, window.CKM.default_value_class) && !is_hint(input)) {
      remove_class(input, window.CKM.default_value_class);
    }
    var check = check_of(input);
    if (!check) {
      if (input.name) for_page([input], "remove_format");
    } else if (!is_complete(check)) {
      check.turn++;
      mark(check, "");
    } else if (check.required) {
      check_filled(check);
    } else {
      check_by_server(check);
    }
  }

  // A group is looked at once every part is as long as it may be.
  function is_complete(check) {
    if (!is_group(check.inputs)) return true;
    return check.inputs.every(function (part) {
      var value = value_of(part);
      return value !== "" && value.length >= (part.maxLength > 0 ? part.maxLength : 1);
    });
  }

  function check_filled(check) {
    var filled = is_group(check.inputs)
      ? check.inputs.every(function (part) { return value_of(part).trim() !== ""; })
      : joined(check.inputs).trim() !== "";
    mark(check, filled ? "valid" : "invalid", check.required);
  }

  function check_by_server(check) {
    var turn = ++check.turn;
    check.state = "pending";
    var query = "o=" + encode(offer_id()) + "&f=" + encode(check.id) + "&v=" + encode(joined(check.inputs));
    jsonp(endpoint("v.ashx"), query, fresh_name(), function (kind, data) {
      if (turn !== check.turn) return;
      if (kind !== "answer" || !data) mark(check, "");
      else if (data.success) mark(check, "valid");
      else mark(check, "invalid", data.error);
    });
  }

  function mark(check, state, error) {
    check.state = state;
    if (state === "valid") for_page(check.inputs, "format_valid");
    else if (state === "invalid") for_page(check.inputs, "format_invalid", error);
    else for_page(check.inputs, "remove_format");
  }

