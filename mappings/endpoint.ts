import { isIP } from 'node:net';
import type { JsonObject } from './json.js';
import { type OcsfOs, readUserAgentOs } from './os.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `location`. `lat` and `long` are floats, also where they are whole. */
export interface OcsfLocation {
  city?: string;
  country?: string;
  continent?: string;
  region?: string;
  lat?: number;
  long?: number;
}

/** OCSF `network_endpoint`. */
export interface OcsfEndpoint {
  ip?: string;
  port?: number;
  hostname?: string;
  name?: string;
  uid?: string;
  location?: OcsfLocation;
  autonomous_system?: { name?: string; number?: number };
  os?: OcsfOs;
}

const continents = new Map([
  ['AF', 'Africa'],
  ['AN', 'Antarctica'],
  ['AS', 'Asia'],
  ['EU', 'Europe'],
  ['NA', 'North America'],
  ['OC', 'Oceania'],
  ['SA', 'South America'],
]);

const COUNTRY = /^[A-Za-z]{2}$/;
const SUBDIVISION = /^[A-Za-z0-9]{1,3}$/;
const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+|::ffff:[\d.]+)):(\d{1,5})$/i;
const HOSTNAME = /^[^\s/@]{1,253}$/;

/** Reads an address in the forms JumpCloud's records hold: plain, `ip:port`, `[ip]:port`, and IPv4 written as `::ffff:ip`. */
function parseAddress(text: string): { ip: string; port?: number } | undefined {
  const trimmed = text.trim();
  if (isIP(trimmed) !== 0) return withinLimit(trimmed);
  const found = WITH_PORT.exec(trimmed);
  if (!found) return undefined;
  const address = withinLimit((found[1] ?? found[2])!);
  const port = Number(found[3]);
  return address === undefined || isIP(address.ip) === 0 || port > 65535 ? undefined : { ...address, port };
}

/** OCSF's ip_t ends at 40 characters, which a zone index could pass. */
function withinLimit(address: string): { ip: string } | undefined {
  const ip = mappedIpv4(address) ?? address;
  return ip.length <= 40 ? { ip } : undefined;
}

const CANONICAL_MAPPED = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/** The IPv4 address that an IPv6 address of any spelling stands for: `::ffff:192.0.2.1`, `0:0:0:0:0:ffff:c000:201`. */
function mappedIpv4(address: string): string | undefined {
  if (!/ffff:/i.test(address) || isIP(address) !== 6 || address.includes('%')) return undefined;
  const [, high, low] = CANONICAL_MAPPED.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [upper >> 8, upper & 255, lower >> 8, lower & 255].join('.');
}

/** An endpoint from an address alone; undefined where there is none that can be read. */
export function readAddress(reader: RecordReader, key: string): OcsfEndpoint | undefined {
  const { address, isWhole } = firstAddress(reader, key);
  if (isWhole) reader.consume(reader.record, key);
  return address;
}

/** An address for an attribute that takes no port; with one the text stays for `unmapped`. */
export function readIp(reader: RecordReader, key: string, of = reader.record): string | undefined {
  const { address, isWhole } = firstAddress(reader, key, of);
  if (isWhole && address?.port === undefined) reader.consume(of, key);
  return address?.ip;
}

/** A text's address: of a list as proxies forward it the first, which is the client's; then it is not the whole text. */
function firstAddress(
  reader: RecordReader,
  key: string,
  of = reader.record,
): { address: ReturnType<typeof parseAddress>; isWhole: boolean } {
  const text = reader.peek(of, key);
  if (text === undefined) return { address: undefined, isWhole: false };
  const end = text.indexOf(',');
  const address = parseAddress(end < 0 ? text : text.slice(0, end));
  return { address, isWhole: address !== undefined && end < 0 };
}

/** Where the request came from, as JumpCloud saw it: `client_ip` with its place, network and operating system. */
export function readClient(reader: RecordReader): OcsfEndpoint | undefined {
  const endpoint = readAddress(reader, 'client_ip');
  if (endpoint === undefined) return undefined;
  addPlace(reader, endpoint);
  const os = readUserAgentOs(reader);
  if (os !== undefined) endpoint.os = os;
  return endpoint;
}

/** Adds what JumpCloud knows of `client_ip` to the endpoint that has this address. */
export function addPlace(reader: RecordReader, endpoint: OcsfEndpoint): void {
  const location = readClientLocation(reader);
  if (location !== undefined) endpoint.location = location;
  const system = readAutonomousSystem(reader, reader.object(reader.record, 'asn'));
  if (system !== undefined) endpoint.autonomous_system = system;
}

/** The device of a record's `system`, as the endpoint that somebody logged in to. */
export function readSystemEndpoint(reader: RecordReader, system: JsonObject | undefined): OcsfEndpoint | undefined {
  if (system === undefined) return undefined;
  const endpoint: OcsfEndpoint = {};
  const uid = reader.text(system, 'id');
  const hostname = readHostname(reader, system);
  const name = reader.text(system, 'displayName');
  if (uid !== undefined) endpoint.uid = uid;
  if (hostname !== undefined) endpoint.hostname = hostname;
  if (name !== undefined) endpoint.name = name;
  return uid === undefined && hostname === undefined && name === undefined ? undefined : endpoint;
}

/** The host name of a `system`, which some records call `host_name`; undefined where it cannot be one. */
export function readHostname(reader: RecordReader, system: JsonObject): string | undefined {
  const key = reader.peek(system, 'hostname') === undefined ? 'host_name' : 'hostname';
  const hostname = reader.peek(system, key);
  if (hostname === undefined || !HOSTNAME.test(hostname)) return undefined;
  reader.consume(system, key);
  return hostname;
}

/** The place of `client_ip`. */
export function readClientLocation(reader: RecordReader): OcsfLocation | undefined {
  return readLocation(reader, reader.object(reader.record, 'geoip'));
}

/** The place that a `geoip` names; undefined without a country or a city. */
export function readLocation(reader: RecordReader, geoip: JsonObject | undefined): OcsfLocation | undefined {
  if (geoip === undefined) return undefined;
  const countryKey = reader.peek(geoip, 'country_code') === undefined ? 'country_code2' : 'country_code';
  const country = reader.peek(geoip, countryKey);
  const known = country !== undefined && COUNTRY.test(country);
  const city = reader.text(geoip, 'city');
  // OCSF takes neither a continent nor coordinates for a place by themselves.
  if (!known && city === undefined) return undefined;
  const location: OcsfLocation = {};
  if (city !== undefined) location.city = city;
  if (known) {
    location.country = country.toUpperCase();
    reader.consume(geoip, countryKey);
    readRegion(reader, geoip, location);
  }
  const continent = continents.get(reader.peek(geoip, 'continent_code') ?? '');
  if (continent !== undefined) {
    location.continent = continent;
    reader.consume(geoip, 'continent_code');
  }
  readCoordinate(reader, geoip, 'latitude', 90, location, 'lat');
  readCoordinate(reader, geoip, 'longitude', 180, location, 'long');
  return location;
}

/** ISO 3166-2 from the country and JumpCloud's region code: `PT` and `11` are `PT-11`. */
function readRegion(reader: RecordReader, geoip: JsonObject, location: OcsfLocation): void {
  const code = reader.peek(geoip, 'region_code');
  if (code === undefined || !SUBDIVISION.test(code)) return;
  location.region = `${location.country}-${code.toUpperCase()}`;
  reader.consume(geoip, 'region_code');
}

function readCoordinate(
  reader: RecordReader,
  geoip: JsonObject,
  key: string,
  bound: number,
  location: OcsfLocation,
  attribute: 'lat' | 'long',
): void {
  const value = geoip[key];
  // JumpCloud's documentation of the provider portal shows texts, its records numbers.
  const degrees = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof degrees !== 'number' || !(Math.abs(degrees) <= bound)) return;
  location[attribute] = degrees;
  reader.consume(geoip, key);
}

function readAutonomousSystem(
  reader: RecordReader,
  asn: JsonObject | undefined,
): { name?: string; number?: number } | undefined {
  if (asn === undefined) return undefined;
  const written = asn.number;
  const number = typeof written === 'string' ? Number(written.replace(/^AS/i, '') || Number.NaN) : written;
  const name = reader.text(asn, 'organization');
  const system: { name?: string; number?: number } = {};
  if (name !== undefined) system.name = name;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) {
    system.number = number;
    reader.consume(asn, 'number');
  }
  return system.name === undefined && system.number === undefined ? undefined : system;
}
