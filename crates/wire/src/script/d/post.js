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

