(function () {
  "use strict";
  var form = document.getElementById("choice");
  var select = form.elements.method;
  var sections = document.querySelectorAll("section[data-method]");
  function show(method) {
    for (var i = 0; i < sections.length; i++) {
      sections[i].hidden = method !== "all" && sections[i].getAttribute("data-method") !== method;
    }
  }
  function button(text, act) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  }
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.appendChild(button("Print", function () { window.print(); }));
  // A page on pixels has no methods to choose from.
  if (select) {
    select.addEventListener("change", function () {
      show(select.value);
      try { history.replaceState(null, "", "?method=" + select.value); } catch (e) { /* a page kept as a file */ }
    });
    document.getElementById("show").hidden = true;
    form.appendChild(button("Print all", function () {
      show("all");
      window.print();
      show(select.value);
    }));
  }
  function copied(made) {
    made.textContent = "Copied";
    setTimeout(function () { made.textContent = "Copy"; }, 1500);
  }
  // Where there is no clipboard (plain http), the old way: select, then copy.
  function copyByHand(pre) {
    var range = document.createRange();
    range.selectNodeContents(pre);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
  function copyButton(box) {
    var pre = box.querySelector("pre");
    var made = button("Copy", function () {
      if (navigator.clipboard) {
        navigator.clipboard.writeText(pre.textContent).then(
          function () { copied(made); },
          function () { if (copyByHand(pre)) { copied(made); } }
        );
      } else if (copyByHand(pre)) {
        copied(made);
      }
    });
    made.className = "copy";
    made.setAttribute("aria-label", "Copy: " + box.querySelector("h4").textContent);
    box.insertBefore(made, pre);
  }
  var boxes = document.querySelectorAll(".code");
  for (var i = 0; i < boxes.length; i++) { copyButton(boxes[i]); }
}());
