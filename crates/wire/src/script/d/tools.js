  // ---- Small tools -------------------------------------------------------------

  // Tells the page's functions about inputs in the form they expect.
  function for_page(inputs, member, error) {
    if (!inputs.length) return;
    if ($) window.CKM[member]($(inputs), error);
    else inputs.forEach(function (input) { window.CKM[member](input, error); });
  }

  function each_input(input, action) {
    Array.prototype.forEach.call(input.nodeType ? [input] : input, action);
  }

  // jQuery's ":submit" is the one extension of CSS that the defaults need.
  function select(selector, root) {
    if ($) return $(selector, root).toArray();
    var plain = selector.replace(/:submit\s*$/, "");
    var found = Array.prototype.slice.call(root.querySelectorAll(/(^|[\s>+~])$/.test(plain) ? plain + "*" : plain));
    if (plain === selector) return found;
    return found.filter(function (element) { return element.type === "submit"; });
  }

  // By jQuery where there is one: an event that a page triggers by it is seen only
  // by handlers bound by it.
  function listen(element, event, handler) {
    if (!$) element.addEventListener(event, handler);
    else if ($.fn.on) $(element).on(event, handler);
    else $(element).bind(event, handler);
  }

  function classes(element) {
    return " " + (element.getAttribute && element.getAttribute("class") || "").replace(/\s+/g, " ") + " ";
  }

  function has_class(element, name) {
    return classes(element).indexOf(" " + name + " ") >= 0;
  }

  function add_class(element, name) {
    if (!has_class(element, name)) element.setAttribute("class", (classes(element) + name).trim());
  }

  function remove_class(element, name) {
    if (has_class(element, name)) {
      element.setAttribute("class", classes(element).replace(" " + name + " ", " ").trim());
    }
  }

  function encode(text) {
    return encodeURIComponent(String(text).replace(/\r?\n/g, "\r\n")).replace(/%20/g, "+");
  }

  function encode_pairs(pairs) {
    return pairs.map(function (pair) { return encode(pair[0]) + "=" + encode(pair[1]); }).join("&");
  }

  // 128 bits in hexadecimal.
  function random_token() {
    var bytes = [];
    var source = window.crypto || window.msCrypto;
    if (source && source.getRandomValues) bytes = source.getRandomValues(new Uint8Array(16));
    else for (var i = 0; i < 16; i++) bytes.push(Math.floor(Math.random() * 256));
    return Array.prototype.map.call(bytes, function (byte) {
      return (byte < 16 ? "0" : "") + byte.toString(16);
    }).join("");
  }
})(window, document);
