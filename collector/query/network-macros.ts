/**
 * SQL macros for addresses. `in_networks(ip, networks)` says whether an IPv4 or IPv6 address lies in one of the networks
 * (CIDR, or single addresses); what is no address or no network lies nowhere.
 */
export const networkMacros: readonly string[] = [
  `CREATE MACRO ip_groups(part) AS list_filter(string_split(part, ':'), lambda piece: piece <> '')`,
  // 128 digits 0 or 1; IPv4 as IPv6 maps it.
  `CREATE MACRO ip_bits(ip) AS TRY(CASE
    WHEN contains(ip, '.') THEN repeat('0', 80) || repeat('1', 16) || array_to_string(list_transform(
      string_split(regexp_extract(ip, '[0-9.]+$'), '.'), lambda part: right(bin(part::UTINYINT + 256), 8)), '')
    ELSE array_to_string(list_transform(list_concat(
        ip_groups(string_split(ip, '::')[1]),
        list_transform(range(CASE WHEN contains(ip, '::')
          THEN 8 - len(ip_groups(string_split(ip, '::')[1])) - len(ip_groups(string_split(ip, '::')[2])) ELSE 0 END), lambda zero: '0'),
        ip_groups(coalesce(string_split(ip, '::')[2], ''))
      ), lambda part: unhex(lpad(part, 4, '0'))::BIT::VARCHAR), '')
  END)`,
  `CREATE MACRO in_networks(ip, networks) AS coalesce(list_bool_or(list_transform(networks, lambda network:
    length(ip_bits(ip)) = 128 AND length(ip_bits(split_part(network, '/', 1))) = 128
    AND starts_with(ip_bits(ip), left(ip_bits(split_part(network, '/', 1)), CASE WHEN contains(network, '/')
      THEN TRY_CAST(split_part(network, '/', 2) AS INTEGER) + CASE WHEN contains(network, ':') THEN 0 ELSE 96 END
      ELSE 128 END)))), false)`,
];
