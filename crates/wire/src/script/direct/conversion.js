
  // ---- The thank-you page ----------------------------------------------------

  var source = source_of("cv.js");
  var options = pairs_of(query_of(source));
  var session = as_request_id(read_cookie(of_offer(COOKIE, options))) || as_request_id(read_cookie(COOKIE));
  // Without a cookie of the page's the tracking domain's own may still be there.
  var query = join(options, function (name) { return name !== "r" && name !== "f"; },
    (session ? ["r=" + session] : []).concat("f=js"));
  load(beside(source, "p.ashx") + "?" + query);
})(window, document);
