// Instants of RFC 3339, to the millisecond.

/** Milliseconds since 1970; NaN when the text is no instant, so that a measurement of it becomes an error. */
export function instant(text: string): f64 {
  const shaped = text.length >= 20 && text.charAt(4) == "-" && text.charAt(7) == "-" && "Tt ".includes(text.charAt(10)) &&
    text.charAt(13) == ":" && text.charAt(16) == ":";
  if (!shaped) return NaN;
  const year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return NaN;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return NaN;
  let at = 19, fraction = 0;
  if (text.charAt(at) == ".") {
    let counted = 0;
    for (at++; digits(text, at, 1) >= 0; at++, counted++) if (counted < 3) fraction = fraction * 10 + digits(text, at, 1);
    if (counted == 0) return NaN;
    for (; counted < 3; counted++) fraction *= 10;
  }
  const zone = text.substring(at);
  let offset = 0;
  if (zone.length == 6 && (zone.charAt(0) == "+" || zone.charAt(0) == "-") && zone.charAt(3) == ":") {
    const hours = digits(zone, 1, 2), minutes = digits(zone, 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NaN;
    offset = (hours * 60 + minutes) * (zone.charAt(0) == "+" ? 1 : -1);
  } else if (zone != "Z" && zone != "z") {
    return NaN;
  }
  const minutes = <f64>((daysFrom1970(year, month, day) * 24 + hour) * 60 + minute - offset);
  return (minutes * 60 + second) * 1000 + fraction;
}

/** Whole days between two instants, rounded down: -0.5 days are -1. */
export function days(from: f64, until: f64): f64 {
  return Math.floor((until - from) / 86400000);
}

function digits(text: string, at: i32, count: i32): i32 {
  let sum = 0;
  for (let i = at; i < at + count; i++) {
    const digit = i < text.length ? text.charCodeAt(i) - 48 : -1;
    if (digit < 0 || digit > 9) return -1;
    sum = sum * 10 + digit;
  }
  return sum;
}

function daysIn(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** The year is counted from March, so that the leap day is its last. */
function daysFrom1970(year: i32, month: i32, day: i32): i32 {
  const fromMarch = month > 2 ? month - 3 : month + 9;
  const y = month > 2 ? year : year - 1;
  const leaps = y < 0 ? -1 : y / 4 - y / 100 + y / 400;
  return y * 365 + leaps + (153 * fromMarch + 2) / 5 + day - 1 - 719468;
}
