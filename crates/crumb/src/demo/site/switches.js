// Shows the form's request id, and breaks it where it is asked to.
(function () {
  "use strict";
  var input = document.querySelector("#ckm_form input[name='ckm_request_id']");
  var shown = document.getElementById("request-id");
  if (!input || !shown) return;
  function show() { shown.textContent = input.value || "(empty)"; }
  show();
  // The click pixel may fill it after this has run.
  window.addEventListener("load", show);
  document.querySelectorAll("[data-request-id]").forEach(function (button) {
    button.addEventListener("click", function () {
      input.value = button.getAttribute("data-request-id");
      show();
    });
  });
})();
