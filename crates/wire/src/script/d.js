// d.js: turns <form id="ckm_form" action="https://TRACKING-DOMAIN/d.ashx"> into a
// post in the background. Include it once, with jQuery or without:
//
//   <script src="https://TRACKING-DOMAIN/d.js"></script>
//
// Everything of the global CKM may be replaced by the page until the document is
// ready, before this script or after it. With jQuery the functions that get inputs
// get them as one jQuery object, otherwise element by element.
//
// A form whose action is not a d.ashx belongs to the page's own server: only an
// empty ckm_request_id in it is filled.
//
// No second lead. Each filled form has one token, ckm_idempotency_key, and the
// server makes one lead of a token, however often it comes:
//  * A press while one is under way does nothing. A press after a success goes to
//    the next page again, and sends nothing.
//  * A press after no answer came sends the same token. If the form was changed
//    meanwhile, it still sends the same token: either the first post never arrived,
//    and the changed one makes the lead; or it did, and the server refuses the
//    changed one. Then the form is sent as it was before, to be told its answer.
//  * A press after a refusal sends the same token if nothing was changed, and a new
//    one if something was.
(function (window, document) {
  "use strict";

  // Longer addresses are cut or refused by things between browser and server.
  var MAX_ADDRESS_LENGTH = 6000;
  // What a frame's message may take to arrive after the frame has loaded.
  var MESSAGE_GRACE_MS = 1000;
  // Parameters that are this script's to set.
  var OWN_PARAMETERS = /^(callback|ckm_ifrm|ckm_idempotency_key)$/i;

  var defaults = {
    use_iframe: false,
    form_selector: "#ckm_form",
    submit_selector: ":submit",
    init_focus: false,
    error_title: "Error",
    required_error: "This field is required.",
    validation_error: "Please fix all highlighted fields.",
    ajax_timeout: 8000,
    ajax_error:
      "An error occurred while saving your information. " +
      "Please check your internet connection and try again.",
    ajax_class: "valid-ajax",
    required_class: "valid-required",
    valid_class: "valid",
    error_class: "error",
    default_value_class: "default",
    thank_you_text: "Thank you. Your information has been received.",
    submitting: false,

    // Checks a field from now on: here, that it is filled, if a message says what to
    // tell otherwise; else by the server.
    add_validator: function (id, name, group_names, required) {
      if (!form) { when_ready.push(["add_validator", arguments]); return; }
      add_check(id, inputs_of(name, group_names), name, required || null);
    },

    // Fills a field that the visitor has not.
    prepop_field: function (name, value, group_names) {
      if (!form) { when_ready.push(["prepop_field", arguments]); return; }
      prefill(inputs_of(name, group_names), String(value));
    },

    format_valid: function (input) {
      window.CKM.remove_format(input);
      each_input(input, function (element) { add_class(element, window.CKM.valid_class); });
    },

    format_invalid: function (input, error) {
      window.CKM.remove_format(input);
      each_input(input, function (element) {
        add_class(element, window.CKM.error_class);
        element.ckm_title = element.title;
        element.title = error || element.title;
      });
    },

    remove_format: function (input) {
      each_input(input, function (element) {
        if (element.ckm_title !== undefined) element.title = element.ckm_title;
        element.ckm_title = undefined;
        remove_class(element, window.CKM.valid_class);
        remove_class(element, window.CKM.error_class);
      });
    },

    popup_error: function (title, error) { window.alert(title + ": " + error); },

    change_page: function (page) { window.location.replace(page); },

    // A success that leads nowhere.
    thank_you: function () {
      var text = document.createElement("p");
      text.appendChild(document.createTextNode(window.CKM.thank_you_text));
      form.parentNode.insertBefore(text, form);
      form.style.display = "none";
    },

    // What came of a post through a frame. The frame's page calls this where it can.
    on_iframe_load: function (data) { act(data); },

    // Forgets a tester's session, so that the next click is a first one again.
    clear_test: function (done) {
      var query = "t=c&o=" + encode(offer_id());
      jsonp(endpoint("t.ashx"), query, fresh_name(), function () { if (done) done(); });
    }
  };

  var $ = null; // the page's jQuery, if it has one
  var form = null; // the form, once it is this script's
  var when_ready = []; // calls that came before the form was known
  var checks = []; // {id, name, inputs, required, state, turn}
  var calls_under_way = 0;
  var when_idle = null; // what waits for them
  var attempt = null; // {token, bodies, sends, answered, answer}
  var frame_post = null; // {frame, done} while a frame's answer is awaited
  var act_on_frame = null; // the page's on_iframe_load, or ours
  var names_given = 0;

  complete();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else window.setTimeout(start, 0);

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

  // ---- The post ----------------------------------------------------------------

  function press() {
    var ckm = window.CKM;
    if (ckm.submitting) return;
    ckm.submitting = true;
    fill_request_id(form);
    if (!calls_under_way) { post(); return; }
    // Checks are under way: one call more, so that the last of them is followed by
    // this, and a page that waits for ajaxStop sees one.
    when_idle = post;
    jsonp(endpoint("get.ashx"), "", fresh_name(), function () {});
  }

  function post() {
    adopt_marked();
    var wrong = checks.filter(function (check) {
      if (!check.inputs.some(is_usable)) return false;
      if (check.required) check_filled(check);
      return check.state === "invalid";
    });
    if (wrong.length) fail(window.CKM.validation_error);
    else submit(serialize());
  }

  function fail(error) {
    window.CKM.submitting = false;
    window.CKM.popup_error(window.CKM.error_title, error);
  }

  // The rules of the token, as they stand at the head of this file.
  function submit(body) {
    if (attempt && attempt.answered) {
      if (attempt.answered !== body.text) attempt = null;
      else if (attempt.answer.success) { finish(act, attempt.answer); return; }
    }
    if (!attempt) attempt = { token: random_token(), bodies: [], sends: 0, answered: null, answer: null };
    var mine = attempt;
    var before = mine.bodies.filter(function (other) { return other.text !== body.text; });
    mine.bodies = [body].concat(before);
    send_first_of(mine, 0);
  }

  function send_first_of(mine, index) {
    var body = mine.bodies[index];
    send(mine, body, function (kind, data, actor) {
      if (kind === "answer" && index > 0 && !data.success) {
        // What was sent before is refused for good, and its token spent.
        attempt = null;
        submit(mine.bodies[0]);
      } else if (kind === "answer") {
        mine.answered = mine.bodies[0].text;
        mine.answer = data;
        finish(actor, data);
      } else if (kind === "error" && index + 1 < mine.bodies.length) {
        send_first_of(mine, index + 1);
      } else {
        fail(window.CKM.ajax_error);
      }
    });
  }

  function finish(actor, data) {
    window.CKM.submitting = false;
    actor.call(window.CKM, data);
  }

  // An answer after its time: a success is one all the same.
  function came_late(mine, data) {
    if (attempt !== mine || mine.answered || window.CKM.submitting) return;
    if (!data || !data.success) return;
    mine.answered = serialize().text;
    mine.answer = data;
    act(data);
  }

  function send(mine, body, done) {
    var ckm = window.CKM;
    var extra = [["ckm_idempotency_key", mine.token]];
    if (!body.has_max_seconds) extra.push(["ckm_max_seconds", max_seconds()]);
    var query = body.text + (body.text ? "&" : "") + encode_pairs(extra);
    // One name for one token: the server may give the same answer again.
    var callback = "ckm_answer_" + mine.token;
    // A browser's cache holds a request back while one for the same address is
    // unanswered. Empty pairs make the address another, and the request no other.
    for (var i = 0; i < mine.sends; i++) query += "&";
    mine.sends++;
    var length = action().length + query.length + callback.length + "?&callback=".length;
    if (ckm.use_iframe || length > MAX_ADDRESS_LENGTH) {
      post_by_frame(body.pairs.concat(extra), function (kind, data) { done(kind, data, act_on_frame); });
    } else {
      jsonp(action(), query, callback, function (kind, data) {
        done(kind === "answer" && !data ? "error" : kind, data, act);
      }, function (data) { came_late(mine, data); });
    }
  }

  function max_seconds() {
    return String(Math.max(1, Math.floor(window.CKM.ajax_timeout / 1000) - 1));
  }

  function act(data) {
    var ckm = window.CKM;
    if (data.success) {
      if (data.nextEval) window.eval(data.nextEval);
      if (data.nextPage) ckm.change_page(data.nextPage);
      else if (!data.nextEval) ckm.thank_you();
    } else if (data.errors && data.errors.length) {
      ckm.popup_error(ckm.error_title, show_errors(data.errors));
    } else {
      ckm.popup_error(ckm.error_title, data.error || ckm.ajax_error);
    }
  }

  // Highlights fields, and says what to tell: the texts themselves where the form
  // shows none of the fields.
  function show_errors(errors) {
    var shown = false;
    errors.forEach(function (error) {
      var inputs = inputs_of(error[0], null);
      checks.forEach(function (check) { if (check.name === error[0]) inputs = check.inputs; });
      for_page(inputs, "format_invalid", error[1]);
      shown = shown || inputs.some(function (input) { return input.type !== "hidden"; });
    });
    if (shown) return window.CKM.validation_error;
    return errors.map(function (error) { return error[1]; }).join("\n");
  }

  // ---- Transport: scripts ------------------------------------------------------

  // done(kind, data) is called once: "answer" with data, "error" or "timeout".
  function jsonp(address, query, callback, done, late) {
    var over = false;
    var script = load(address + join_mark(address) + query + (query ? "&" : "") + "callback=" + callback);
    var timer = window.setTimeout(function () { end("timeout"); }, window.CKM.ajax_timeout);
    window[callback] = function (data) {
      if (over && late) late(data);
      end("answer", data);
    };
    // A script that has run without a call has not answered either.
    script.onload = script.onerror = function () { end("error"); };
    call_begins();

    function end(kind, data) {
      if (over) return;
      over = true;
      window.clearTimeout(timer);
      if (script.parentNode) script.parentNode.removeChild(script);
      done(kind, data);
      call_ends();
    }
  }

  function load(address) {
    var script = document.createElement("script");
    script.src = address;
    script.async = true;
    document.head.appendChild(script);
    return script;
  }

  // jQuery's own counter and events, which pages use to show that something is under
  // way.
  function call_begins() {
    calls_under_way++;
    if ($ && typeof $.active === "number" && $.active++ === 0) $.event.trigger("ajaxStart");
  }

  function call_ends() {
    calls_under_way--;
    if ($ && typeof $.active === "number" && --$.active === 0) $.event.trigger("ajaxStop");
    if (calls_under_way || !when_idle) return;
    var waiting = when_idle;
    when_idle = null;
    waiting();
  }

  function fresh_name() {
    return "ckm_callback_" + (++names_given);
  }

  // ---- Transport: a hidden frame -----------------------------------------------

  // A frame and a form of its own for each post: a message of an earlier frame is
  // then nobody's, and the visitor's form stays as it is.
  function post_by_frame(pairs, done) {
    var frame = document.createElement("iframe");
    var carrier = document.createElement("form");
    var timer = window.setTimeout(function () { end("timeout"); }, window.CKM.ajax_timeout);
    frame.name = "ckm_frame_" + (++names_given);
    frame.style.display = carrier.style.display = "none";
    carrier.method = "post";
    carrier.action = action();
    carrier.target = frame.name;
    carrier.acceptCharset = "utf-8";
    pairs.concat([["ckm_ifrm", "1"]]).forEach(function (pair) {
      // A text area keeps line breaks, which an input drops.
      var field = document.createElement("textarea");
      field.name = pair[0];
      field.value = pair[1];
      carrier.appendChild(field);
    });
    document.body.appendChild(frame);
    document.body.appendChild(carrier);
    frame_post = { frame: frame, end: end };
    call_begins();
    frame.onload = function () {
      if (is_blank(frame)) return;
      window.setTimeout(function () { end("error"); }, MESSAGE_GRACE_MS);
    };
    HTMLFormElement.prototype.submit.call(carrier);

    function end(kind, data) {
      if (!frame_post || frame_post.frame !== frame) return;
      frame_post = null;
      window.clearTimeout(timer);
      document.body.removeChild(carrier);
      // Not while its script is still running.
      window.setTimeout(function () { document.body.removeChild(frame); }, 0);
      done(kind, data);
      call_ends();
    }
  }

  // A frame's page calls this and sends a message besides: the first to come counts.
  function frame_answered(data) {
    if (frame_post && data) frame_post.end("answer", data);
  }

  function message_came(event) {
    if (!frame_post || event.source !== frame_post.frame.contentWindow) return;
    if (event.origin !== origin_of(action())) return;
    if (event.data && typeof event.data === "object" && event.data.ckm) frame_answered(event.data.ckm);
  }

  // Before the answer some browsers report the empty page that a frame starts with.
  function is_blank(frame) {
    try { return frame.contentWindow.location.href === "about:blank"; } catch (foreign) { return false; }
  }

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

  // ---- Small tools -------------------------------------------------------------

  // Tells the page's functions about inputs in the form they expect.
  function for_page(inputs, member, error) {
    if (!inputs.length) return;
    if ($) window.CKM[member]($(inputs), error);
    else inputs.forEach(function (input) { window.CKM[member](input, error); });
  }

  function each_input(input, action) {
    Array.prototype.forEach.call(input.nodeType ? [input] : input, action);
  }

  // jQuery's ":submit" is the one extension of CSS that the defaults need.
  function select(selector, root) {
    if ($) return $(selector, root).toArray();
    var plain = selector.replace(/:submit\s*$/, "");
    var found = Array.prototype.slice.call(root.querySelectorAll(/(^|[\s>+~])$/.test(plain) ? plain + "*" : plain));
    if (plain === selector) return found;
    return found.filter(function (element) { return element.type === "submit"; });
  }

  // By jQuery where there is one: an event that a page triggers by it is seen only
  // by handlers bound by it.
  function listen(element, event, handler) {
    if (!$) element.addEventListener(event, handler);
    else if ($.fn.on) $(element).on(event, handler);
    else $(element).bind(event, handler);
  }

  function classes(element) {
    return " " + (element.getAttribute && element.getAttribute("class") || "").replace(/\s+/g, " ") + " ";
  }

  function has_class(element, name) {
    return classes(element).indexOf(" " + name + " ") >= 0;
  }

  function add_class(element, name) {
    if (!has_class(element, name)) element.setAttribute("class", (classes(element) + name).trim());
  }

  function remove_class(element, name) {
    if (has_class(element, name)) {
      element.setAttribute("class", classes(element).replace(" " + name + " ", " ").trim());
    }
  }

  function encode(text) {
    return encodeURIComponent(String(text).replace(/\r?\n/g, "\r\n")).replace(/%20/g, "+");
  }

  function encode_pairs(pairs) {
    return pairs.map(function (pair) { return encode(pair[0]) + "=" + encode(pair[1]); }).join("&");
  }

  // 128 bits in hexadecimal.
  function random_token() {
    var bytes = [];
    var source = window.crypto || window.msCrypto;
    if (source && source.getRandomValues) bytes = source.getRandomValues(new Uint8Array(16));
    else for (var i = 0; i < 16; i++) bytes.push(Math.floor(Math.random() * 256));
    return Array.prototype.map.call(bytes, function (byte) {
      return (byte < 16 ? "0" : "") + byte.toString(16);
    }).join("");
  }
})(window, document);
