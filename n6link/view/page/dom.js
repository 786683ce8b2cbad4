// Small helpers: elements by id, and lists that are changed only where they differ, so that focus and selection are kept.

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function show(element, visible) {
  element.hidden = !visible;
}

// Makes the children of a parent as many as the values; make() creates one, fill(child, value, index) sets its content.
export function fillList(parent, values, make, fill) {
  while (parent.children.length > values.length) {
    parent.lastElementChild.remove();
  }
  values.forEach((value, index) => {
    if (parent.children.length <= index) {
      parent.append(make());
    }
    fill(parent.children[index], value, index);
  });
}

// An element with classes and children.
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) {
    element.className = className;
  }
  element.append(...children);
  return element;
}

export const meterRow = () => make("li", "", make("span"), make("span"), make("span", "meter", make("i")));

// A row of a list of meters: name, text, share.
export function fillMeter(row, [name, text, share]) {
  setText(row.children[0], name);
  setText(row.children[1], text);
  row.children[2].firstElementChild.style.width = `${100 * share}%`;
}
