  // ---- The form's address ------------------------------------------------------

  function link_of(address) {
    var link = document.createElement("a");
    link.href = address;
    return link;
  }

  // Not form.action, which an input of that name would hide.
  function path_of(of) {
    return link_of(of.getAttribute("action") || "").pathname;
  }

  function action() {
    return link_of(form.getAttribute("action")).href.replace(/#.*$/, "");
  }

  function origin_of(address) {
    var link = link_of(address);
    return link.protocol + "//" + link.host;
  }

  function endpoint(name) {
    return action().replace(/\?.*$/, "").replace(/d\.ashx$/i, name);
  }

  function join_mark(address) {
    return address.indexOf("?") < 0 ? "?" : "&";
  }

  function offer_id() {
    var input = inputs_of("ckm_offer_id", null)[0];
    return input ? input.value : "";
  }

  // ---- The form's inputs -------------------------------------------------------

  function form_inputs() {
    return Array.prototype.slice.call(form.elements);
  }

  // A field's own inputs, else those of its group.
  function inputs_of(name, group_names, single) {
    function named(wanted) {
      return form_inputs().filter(function (input) { return input.name === wanted && !is_button(input); });
    }
    var own = name ? named(name) : single ? [single] : [];
    if (own.length || !group_names) return own;
    return group_names.reduce(function (parts, part) { return parts.concat(named(part)); }, []);
  }

  function is_group(inputs) {
    return inputs.some(function (input) { return input.name !== inputs[0].name; });
  }

  function is_button(input) {
    return /^(submit|button|image|reset|file|fieldset|output)$/.test(input.type || "fieldset");
  }

  function is_choice(input) {
    return input.type === "checkbox" || input.type === "radio";
  }

  function is_usable(input) {
    return !input.disabled && !(input.matches && input.matches(":disabled")) && document.documentElement.contains(input);
  }

  function value_of(input) {
    if (is_choice(input)) return input.checked ? input.value : "";
    return is_hint(input) ? "" : input.value || "";
  }

  function joined(inputs) {
    return inputs.map(value_of).join("");
  }

  function prefill(inputs, value) {
    if (!is_group(inputs)) {
      if (inputs.length && !joined(inputs)) inputs.forEach(function (input) { set_value(input, value); });
      return;
    }
    inputs.forEach(function (part) {
      var length = part.maxLength > 0 ? part.maxLength : value.length;
      if (!value_of(part)) set_value(part, value.slice(0, length));
      value = value.slice(length);
    });
  }

  function set_value(input, value) {
    if (is_choice(input)) {
      input.checked = input.value === value;
    } else if (input.type === "select-one" || input.type === "select-multiple") {
      for (var i = 0; i < input.options.length; i++) {
        if (input.options[i].value === value) input.selectedIndex = i;
      }
    } else if (value) {
      remove_class(input, window.CKM.default_value_class);
      input.value = value;
    }
  }

  function serialize() {
    var pairs = [];
    form_inputs().forEach(function (input) {
      if (!input.name || is_button(input) || !is_usable(input) || OWN_PARAMETERS.test(input.name)) return;
      if (is_choice(input) && !input.checked) return;
      if (input.type !== "select-multiple") { pairs.push([input.name, value_of(input)]); return; }
      Array.prototype.forEach.call(input.options, function (option) {
        if (option.selected && !option.disabled) pairs.push([input.name, option.value]);
      });
    });
    return {
      pairs: pairs,
      text: encode_pairs(pairs),
      has_max_seconds: pairs.some(function (pair) { return /^ckm_max_seconds$/i.test(pair[0]); })
    };
  }

  // A hint is a value that an input of the class for default values starts with. It
  // is no value: it goes when the visitor comes, and is not sent.
  function note_hints() {
    form_inputs().forEach(function (input) {
      if (has_class(input, window.CKM.default_value_class)) input.ckm_hint = input.value;
    });
  }

  function is_hint(input) {
    return has_class(input, window.CKM.default_value_class) &&
      (input.ckm_hint === undefined || input.value === input.ckm_hint);
  }

  function leave_hint(input) {
    if (!is_hint(input) || input.tagName === "SELECT" || is_choice(input)) return;
    remove_class(input, window.CKM.default_value_class);
    input.value = "";
  }

  function restore_hint(input) {
    if (!input.ckm_hint || input.value !== "") return;
    input.value = input.ckm_hint;
    add_class(input, window.CKM.default_value_class);
  }

