
  // ---- The thank-you page ----------------------------------------------------

  var source = source_of("cv.js");
  var options = pairs_of(query_of(source));
  var own_cookie = of_offer(COOKIE, options);
  // Where offers have cookies of their own, the last one's session may be of another offer.
  var of_any = own_cookie !== COOKIE && /(^|; *)ckm_request_id_\d+=/.test(document.cookie) ? "" : read_cookie(COOKIE);
  var session = as_request_id(read_cookie(own_cookie) || of_any);
  // Without a cookie of the page's the tracking domain's own may still be there.
  var query = join(options, function (name) { return name !== "r" && name !== "f"; },
    (session ? ["r=" + session] : []).concat("f=js"));
  load(beside(source, "p.ashx") + "?" + query);
})(window, document);
