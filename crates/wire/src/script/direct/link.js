
  // ---- The landing page ------------------------------------------------------

  // Nobody's session lives longer by default.
  var DEFAULT_DAYS = 30;
  // Whose click the cookie's session is of.
  var AFFILIATE_COOKIE = "ckm_affiliate";
  // What of the page's address is the tracker's. The deep link is not: nobody is
  // redirected here.
  var TRACKING = /^(a|c|p|oc|m|s[1-5]|udid|k|ckm_.*)$/;

  var source = source_of("dl.js");
  var options = pairs_of(query_of(source));
  var page = pairs_of(window.location.search.slice(1));
  var affiliate = value_of(page, "a");
  var named = as_request_id(value_of(page, "ckm_request_id"));
  var own_cookie = of_offer(COOKIE, options);
  var affiliate_cookie = of_offer(AFFILIATE_COOKIE, options);
  var kept;

  // What a browser makes ready ahead is nobody's visit until it is shown.
  if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
  else start();

  function start() {
    kept = as_request_id(read_cookie(own_cookie));
    if (affiliate && value_of(page, "c")) click();
    else if (named) keep(named);
    else if (kept) tell(kept);
  }

  function click() {
    var session = named || (is_known() ? kept : "");
    var query = join(page, function (name) { return TRACKING.test(name) && name !== COOKIE; },
      (session ? [COOKIE + "=" + session] : []).concat("cp=js"));
    load(beside(source, "") + "?" + query, function () {
      var id = as_request_id(window.ckm_request_id);
      if (id) keep(id);
      else if (kept) tell(kept);
    });
  }

  // Whether the click is to be a further one of the session that the cookie names: under
  // last touch only the same affiliate's is.
  function is_known() {
    return value_of(options, "touch") !== "last" || read_cookie(affiliate_cookie) === affiliate;
  }

  function keep(id) {
    write_cookie(own_cookie, id);
    // For cv.js?a=, which asks for the last one of any offer.
    if (own_cookie !== COOKIE) write_cookie(COOKIE, id);
    // An address that names no affiliate says nothing of a session that is kept already;
    // whose another one is, nobody knows.
    if (affiliate || id !== kept) write_cookie(affiliate_cookie, affiliate);
    tell(id);
  }

  function write_cookie(name, value) {
    var days = /^[1-9][0-9]{0,3}$/.test(value_of(options, "days")) ? value_of(options, "days") : DEFAULT_DAYS;
    document.cookie = name + "=" + encodeURIComponent(value) + "; Path=/; Max-Age=" + days * 86400 +
      "; SameSite=Lax" + (window.location.protocol === "https:" ? "; Secure" : "");
  }

  // Tells the page's forms, and the form library.
  function tell(id) {
    window.ckm_request_id = Number(id);
    function fill() {
      var inputs = document.querySelectorAll('input[name="ckm_request_id"]');
      for (var i = 0; i < inputs.length; i++) if (!inputs[i].value) inputs[i].value = id;
    }
    fill();
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fill);
  }
})(window, document);
