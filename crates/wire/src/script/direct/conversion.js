
  // ---- The thank-you page ----------------------------------------------------

  var source = source_of("cv.js");
  var session = as_request_id(read_cookie(COOKIE));
  // Without a cookie of the page's the tracking domain's own may still be there.
  var query = join(pairs_of(query_of(source)), function (name) { return name !== "r" && name !== "f"; },
    (session ? ["r=" + session] : []).concat("f=js"));
  load(beside(source, "p.ashx") + "?" + query);
})(window, document);
