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

