// Numbers as people read them. The terminal says them in the same way (display/units.rs).

export function count(number) {
  return Math.round(number).toLocaleString("en");
}

export function microseconds(number) {
  if (number < 1e3) return `${number.toFixed(0)} µs`;
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} ms`;
  return `${(number / 1e6).toFixed(2)} s`;
}

export function octets(number) {
  if (number < 1e3) return `${number.toFixed(0)} B`;
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} kB`;
  if (number < 1e9) return `${(number / 1e6).toFixed(1)} MB`;
  return `${(number / 1e9).toFixed(1)} GB`;
}

// Neither 0 % nor 100 % is said of what is only nearly so.
export function percent(share) {
  const percent = share * 100;
  if (percent > 0 && percent < 1) return "<1 %";
  if (percent > 99 && percent < 100) return ">99 %";
  return `${percent.toFixed(0)} %`;
}

export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${two(Math.floor(seconds / 3600))}:${minutes}`;
}

export function rate(number) {
  if (number === 0) return "0/s";
  return number < 10 ? `${number.toFixed(1)}/s` : `${count(number)}/s`;
}

// By what a chart shows.
export const UNITS = {
  rate,
  octets: (number) => `${octets(number)}/s`,
  quantiles: microseconds,
  connections: count,
};
