  // ---- Start -----------------------------------------------------------------

  function complete() {
    var ckm = window.CKM = window.CKM || {};
    for (var name in defaults) if (ckm[name] === undefined) ckm[name] = defaults[name];
    return ckm;
  }

  function start() {
    var ckm = complete();
    $ = window.jQuery && window.jQuery.fn ? window.jQuery : null;
    var found = select(ckm.form_selector, document)[0];
    if (!found) return;
    fill_request_id(found);
    if (!/(^|\/)d\.ashx$/i.test(path_of(found))) {
      found.addEventListener("submit", function () { fill_request_id(found); }, true);
      return;
    }
    form = found;
    act_on_frame = ckm.on_iframe_load;
    ckm.on_iframe_load = frame_answered;
    window.addEventListener("message", message_came);
    note_hints();
    adopt_marked();
    listen(form, "submit", function (event) { event.preventDefault(); press(); });
    listen(form, "change", changed);
    form.addEventListener("focusin", function (event) { leave_hint(event.target); });
    form.addEventListener("focusout", function (event) { restore_hint(event.target); });
    listen_to_other_buttons();
    for (var i = 0; i < when_ready.length; i++) ckm[when_ready[i][0]].apply(ckm, when_ready[i][1]);
    if (offer_id()) load(endpoint("js.ashx") + "?o=" + encode(offer_id()));
    if (ckm.init_focus) focus_first();
  }

  // The form's own submit buttons submit it; whatever else is named as one must be
  // helped.
  function listen_to_other_buttons() {
    var selector = window.CKM.submit_selector;
    var buttons = select(selector, selector === defaults.submit_selector ? form : document);
    buttons.forEach(function (button) {
      if (button.form === form && /^(submit|image)$/.test(button.type)) return;
      listen(button, "click", function (event) { event.preventDefault(); press(); });
    });
  }

  function fill_request_id(of) {
    if (!window.ckm_request_id) return;
    var inputs = of.querySelectorAll('input[name="ckm_request_id"]');
    for (var i = 0; i < inputs.length; i++) {
      if (!inputs[i].value) inputs[i].value = window.ckm_request_id;
    }
  }

  function focus_first() {
    var inputs = form_inputs();
    for (var i = 0; i < inputs.length; i++) {
      var input = inputs[i];
      if (input.type === "hidden" || is_button(input) || input.disabled) continue;
      if (input.offsetParent === null || value_of(input)) continue;
      input.focus();
      return;
    }
  }

