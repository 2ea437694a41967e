(function (window, document) {
  "use strict";

  var COOKIE = "ckm_request_id";

  // ---- What both scripts know ------------------------------------------------

  // The address that a script of that name was loaded from: its host is the tracking
  // domain, its query says what the page wants of it.
  function source_of(name) {
    var current = document.currentScript;
    if (current && current.src) return current.src;
    var scripts = document.getElementsByTagName("script");
    for (var i = scripts.length - 1; i >= 0; i--) {
      var path = scripts[i].src.replace(/[?#].*$/, "");
      if (path.slice(-name.length) === name) return scripts[i].src;
    }
    return "";
  }

  // An endpoint beside a script.
  function beside(source, path) {
    return source.replace(/[?#].*$/, "").replace(/[^\/]*$/, "") + path;
  }

  function query_of(address) {
    var found = /\?([^#]*)/.exec(address);
    return found ? found[1] : "";
  }

  // A query's pairs: {name, value, text}, the text as it was written.
  function pairs_of(query) {
    var pairs = [];
    var texts = query.split("&");
    for (var i = 0; i < texts.length; i++) {
      var at = texts[i].indexOf("=");
      var name = decode(at < 0 ? texts[i] : texts[i].slice(0, at)).toLowerCase();
      if (name) pairs.push({ name: name, value: at < 0 ? "" : decode(texts[i].slice(at + 1)), text: texts[i] });
    }
    return pairs;
  }

  // The first value of a name, as servers read it.
  function value_of(pairs, name) {
    for (var i = 0; i < pairs.length; i++) if (pairs[i].name === name) return pairs[i].value;
    return "";
  }

  // The pairs that are wanted, as a query, with something more at its end.
  function join(pairs, is_wanted, more) {
    var texts = [];
    for (var i = 0; i < pairs.length; i++) if (is_wanted(pairs[i].name)) texts.push(pairs[i].text);
    return texts.concat(more).join("&");
  }

  function decode(text) {
    try { return decodeURIComponent(text.replace(/\+/g, " ")); } catch (malformed) { return text; }
  }

  // A request id, or nothing: addresses and cookies are anybody's.
  function as_request_id(value) {
    return /^[1-9][0-9]{0,15}$/.test(String(value)) ? String(value) : "";
  }

  // The name of an offer's own cookie: a site may have several offers.
  function of_offer(name, options) {
    var offer = value_of(options, "o");
    return name + (/^[1-9][0-9]{0,15}$/.test(offer) ? "_" + offer : "");
  }

  function read_cookie(name) {
    var cookies = document.cookie.split(/; */);
    for (var i = 0; i < cookies.length; i++) {
      if (cookies[i].indexOf(name + "=") === 0) return decode(cookies[i].slice(name.length + 1));
    }
    return "";
  }

  function load(address, done) {
    var script = document.createElement("script");
    script.async = true;
    script.onload = script.onerror = done;
    script.src = address;
    (document.head || document.documentElement).appendChild(script);
  }
