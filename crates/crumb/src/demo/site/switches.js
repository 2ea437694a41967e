// Shows the tracker's cookie and the form's request id, and breaks them where it is asked to.
(function () {
  "use strict";
  var state = document.getElementById("cookie-state");
  var cookies = document.getElementById("cookies");
  var input = document.querySelector("main input[name='ckm_request_id'], main input[name='reqid']");
  var shown = document.getElementById("request-id");

  function show() {
    if (input && shown) shown.textContent = input.value || "(empty)";
    if (state) ask();
  }

  // No script may read the cookie, but the site's server is sent it.
  async function ask() {
    var answer = await fetch("/cookie?offer=" + state.dataset.offer).catch(function () { return null; });
    if (!answer || !answer.ok) return;
    state.textContent = await answer.text();
    state.className = state.textContent === "here" ? "yes" : "no";
    document.getElementById("forge").disabled = state.textContent === "none";
  }

  // The page stays as it is: shown anew, a pixel in it would set the cookie again.
  if (state) cookies.addEventListener("submit", async function (event) {
    event.preventDefault();
    var body = new URLSearchParams({ do: event.submitter ? event.submitter.value : "forget" });
    await fetch(cookies.action, { method: "POST", body: body, redirect: "manual" }).catch(function () {});
    await ask();
  });

  document.querySelectorAll("[data-request-id]").forEach(function (button) {
    button.addEventListener("click", function () {
      input.value = button.getAttribute("data-request-id");
      show();
    });
  });

  // The click pixel may set and fill them after this has run, but not after the page has
  // loaded; another tab may at any time.
  if (document.readyState === "complete") show();
  else window.addEventListener("load", show);
  window.addEventListener("pageshow", function (event) { if (event.persisted) show(); });
  document.addEventListener("visibilitychange", function () { if (!document.hidden) show(); });
  window.addEventListener("focus", show);
})();
