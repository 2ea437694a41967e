// The page is not shown yet. The click is recorded once it is.
(function (d) {
  var script = d.currentScript;
  if (!script || script.ckm_again) return;
  function again() {
    var next = d.createElement("script");
    next.ckm_again = true;
    next.onload = script.onload;
    next.onerror = script.onerror;
    next.nonce = script.nonce;
    next.src = script.src;
    (d.head || d.documentElement).appendChild(next);
  }
  if (d.prerendering) d.addEventListener("prerenderingchange", again, { once: true });
  else again();
})(document);
