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

