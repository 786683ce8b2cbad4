
-- ---- fields

local line = Proto("n6link", "n6link")
local events = Proto("n6link_event", "n6link event")

local TYPES = {
  uint8 = ProtoField.uint8, uint16 = ProtoField.uint16, uint32 = ProtoField.uint32, uint64 = ProtoField.uint64,
  int8 = ProtoField.int8, int16 = ProtoField.int16, int32 = ProtoField.int32, int64 = ProtoField.int64,
}

local function snake(name)
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

local all = {}
local fields = {}
for name, struct in pairs(STRUCTS) do
  fields[name] = {}
  for _, member in ipairs(struct) do
    local key, _, _, kind, _, enum, flags, about = table.unpack(member)
    local filter = "n6link." .. snake(name) .. "." .. key
    local field
    if kind == "string" then
      field = ProtoField.stringz(filter, key, base.UNICODE, about)
    elseif kind == "bytes" then
      field = ProtoField.bytes(filter, key, base.NONE, about)
    elseif kind == "float" then
      field = ProtoField.float(filter, key, about)
    else
      local hexadecimal = flags or key == "crc" or key == "digest" or key == "schema" or key == "magic" or key:find("nonce")
      field = TYPES[kind](filter, key, hexadecimal and base.HEX or base.DEC, enum and ENUMS[enum] or nil, nil, about)
    end
    fields[name][key] = field
    all[#all + 1] = field
  end
end

local own = {
  type = ProtoField.uint8("n6link.type", "type", base.HEX, ENUMS.MessageType),
  role = ProtoField.string("n6link.role", "role"),
  id = ProtoField.uint32("n6link.id", "id"),
  length = ProtoField.uint16("n6link.length", "bytes of payload"),
  text = ProtoField.string("n6link.text", "text"),
  data = ProtoField.bytes("n6link.data", "bytes"),
  tag = ProtoField.uint16("n6link.field.tag_name", "tag", base.DEC, ENUMS.FieldTag),
  skipped = ProtoField.uint32("n6link.skipped", "bytes that do not belong to a good frame"),
  part = ProtoField.uint32("n6link.part", "bytes of a frame that ends in a later packet"),
}
for _, field in pairs(own) do
  all[#all + 1] = field
end
line.fields = all

local said = ProtoField.string("n6link_event.json", "event")
events.fields = { said }

local header_crc = ProtoExpert.new("n6link.header_crc", "header with a wrong CRC-16", expert.group.CHECKSUM, expert.severity.WARN)
local payload_crc = ProtoExpert.new("n6link.payload_crc", "payload with a wrong CRC-32", expert.group.CHECKSUM, expert.severity.WARN)
local stray = ProtoExpert.new("n6link.stray", "bytes outside of frames", expert.group.SEQUENCE, expert.severity.NOTE)
local malformed = ProtoExpert.new("n6link.malformed", "the payload is too short", expert.group.MALFORMED, expert.severity.ERROR)
line.experts = { header_crc, payload_crc, stray, malformed }

-- ---- checksums

local bxor, band, rshift, lshift = bit.bxor, bit.band, bit.rshift, bit.lshift
local crc_table = {}
for n = 0, 255 do
  local c = n
  for _ = 1, 8 do
    c = band(c, 1) == 1 and bxor(0xEDB88320, rshift(c, 1)) or rshift(c, 1)
  end
  crc_table[n] = c
end

local function crc32(bytes, first, last)
  local c = 0xFFFFFFFF
  for at = first, last do
    c = bxor(crc_table[band(bxor(c, bytes:byte(at)), 255)], rshift(c, 8))
  end
  return bit.tobit(bit.bnot(c))
end

local function crc16(bytes, first, last)
  local c = 0xFFFF
  for at = first, last do
    c = bxor(c, lshift(bytes:byte(at), 8))
    for _ = 1, 8 do
      c = band(c, 0x8000) ~= 0 and bxor(lshift(c, 1), 0x1021) or lshift(c, 1)
    end
    c = band(c, 0xFFFF)
  end
  return c
end

local function u16(bytes, at)
  local a, b = bytes:byte(at, at + 1)
  return a + 256 * b
end

local function u32(bytes, at)
  local a, b, c, d = bytes:byte(at, at + 3)
  return bit.tobit(a + 256 * b + 65536 * c + 16777216 * d)
end

-- ---- frames: the receiver of section 1 of protocol.md, for bytes that have all arrived

local DATA = 0x20
local HEADER, CRC = LIMIT.HEADER_SIZE, LIMIT.CRC_SIZE

-- What is in the bytes: frames and skipped bytes, each {kind, first, last}; and the position of the incomplete rest.
local function find_frames(bytes)
  local found, at, bad = {}, 1, nil
  local function skip(last, why)
    local previous = found[#found]
    if previous and previous.kind == "skipped" and previous.last == at - 1 then
      previous.last, previous.why = last, previous.why or why
    else
      found[#found + 1] = { kind = "skipped", first = at, last = last, why = why }
    end
    at = last + 1
  end
  while at <= #bytes do
    local start = bytes:find("n6", at, true)
    if not start then
      local kept = bytes:sub(-1) == "n" and 1 or 0
      if #bytes - kept >= at then
        skip(#bytes - kept)
      end
      break
    end
    if start > at then
      skip(start - 1)
    end
    if #bytes - at + 1 < HEADER then
      break
    end
    local length = u16(bytes, at + 8)
    local most = bytes:byte(at + 2) == DATA and HEADER + LIMIT.MAX_CHUNK or LIMIT.MAX_CONTROL
    if crc16(bytes, at, at + 9) ~= u16(bytes, at + 10) or length > most then
      skip(at, "header")
    else
      local last = at + HEADER - 1 + (length > 0 and length + CRC or 0)
      if last > #bytes then
        break
      end
      if length > 0 and crc32(bytes, at + HEADER, last - CRC) ~= u32(bytes, last - CRC + 1) then
        skip(at + 1, "payload")
      else
        found[#found + 1] = { kind = "frame", first = at, last = last }
        at = last + 1
      end
    end
  end
  return found, at
end

-- By packet: what it completes. A packet is looked at once, in order; later visits use what was found.
local packets, rest

function line.init()
  packets, rest = {}, { [true] = "", [false] = "" }
end

local function look(number, outbound, bytes)
  local before = #rest[outbound]
  local whole = rest[outbound] .. bytes
  local found, at = find_frames(whole)
  for _, item in ipairs(found) do
    item.bytes = whole:sub(item.first, item.last)
    item.offset = item.first - before - 1 -- in the packet; negative: it begins in an earlier one
  end
  rest[outbound] = whole:sub(at)
  packets[number] = { found = found, left = #rest[outbound] }
end

-- ---- records

local function flag_names(enum, value)
  local names = {}
  for flag, name in pairs(ENUMS[enum]) do
    if flag > 0 and band(value, flag) ~= 0 then
      names[#names + 1] = { flag, name }
    end
  end
  table.sort(names, function(a, b) return a[1] < b[1] end)
  for index, name in ipairs(names) do
    names[index] = name[2]
  end
  return table.concat(names, "|")
end

-- Adds a record to a tree; returns its values that are small numbers.
local function add_record(name, range, tree)
  local values = {}
  for _, member in ipairs(STRUCTS[name]) do
    local key, offset, size, kind, count, enum, flags = table.unpack(member)
    if offset + size <= range:len() then
      for index = 0, math.max(count, 1) - 1 do
        local width = count > 0 and size / count or size
        local part = range(offset + index * width, width)
        local item
        if kind == "string" or kind == "bytes" then
          item = tree:add(fields[name][key], part)
        else
          item = tree:add_le(fields[name][key], part)
          if kind:sub(1, 4) == "uint" and width <= 4 then
            values[key] = part:le_uint()
          end
        end
        if count > 0 then
          item:prepend_text("[" .. index .. "] ")
        end
        if flags and values[key] ~= 0 then
          item:append_text(" (" .. flag_names(flags, values[key]) .. ")")
        end
      end
    end
  end
  return values
end

local function add_records(name, range, stride, count, tree)
  for index = 0, count - 1 do
    if (index + 1) * stride > range:len() or stride == 0 then
      tree:add_proto_expert_info(malformed)
      return
    end
    local part = range(index * stride, stride)
    add_record(name, part, tree:add(line, part, name .. " " .. index))
  end
end

local function add_fields(range, tree)
  local at = 0
  while at + STRUCTS.Field.size <= range:len() do
    local length = range(at + 2, 2):le_uint()
    if at + 4 + length > range:len() then
      return
    end
    local item = tree:add_le(own.tag, range(at, 2))
    if length > 0 then
      item:add(own.text, range(at + 4, length))
    end
    at = at + 4 + length + (4 - length % 4) % 4
  end
end

local function add_tail(kind, values, range, tree)
  if kind == "records" then
    kind = SECTIONS[values.section] or "text"
    if kind == "text" and values.count then
      range = range:len() > values.count and range(0, values.count) or range
    end
  end
  if STRUCTS[kind] then
    add_records(kind, range, values.record or STRUCTS[kind].size, values.count or values.outputs or values.returns or values.parts, tree)
  elseif kind == "fields" then
    add_fields(range, tree)
  elseif kind == "text" then
    tree:add(own.text, range)
  else
    tree:add(own.data, range)
  end
end

-- Adds a frame to a tree; returns its name for the column Info.
local function add_frame(range, outbound, tree)
  local kind, flags = range(2, 1):uint(), range(3, 1):uint()
  local role = outbound and "request" or band(flags, 1) == 1 and "reply" or "event"
  local name = ENUMS.MessageType[kind] or string.format("type 0x%02x", kind)
  local length = range(8, 2):le_uint()
  local id = range(4, 4):le_uint()
  local item = tree:add(line, range, name .. (role == "reply" and " reply" or "") .. (id > 0 and ", id " .. id or ""))
  item:add(own.type, range(2, 1))
  item:add(own.role, range(3, 1), role)
  item:add_le(own.id, range(4, 4))
  item:add_le(own.length, range(8, 2))
  local title = name .. (role == "reply" and " ok" or "")
  local body = BODIES[kind] and BODIES[kind][role]
  if length == 0 or not body then
    return body and title or name .. "?"
  end
  local payload = range(HEADER, length)
  local struct, tail = body[1], body[2]
  local values, head = {}, 0
  if struct ~= "" then
    if payload:len() < 4 then
      item:add_proto_expert_info(malformed)
      return name .. "?"
    end
    values = add_record(struct, payload, item)
    head = values.head or STRUCTS[struct].size
  end
  if payload:len() > head then
    add_tail(tail, values, payload(head), item)
  end
  if kind == DATA then
    return string.format("DATA %d+%d", values.offset or 0, payload:len() - head)
  end
  return role == "reply" and name .. " reply" or name
end

-- ---- dissectors

local function tvb_of(bytes, title)
  return ByteArray.new(bytes, true):tvb(title)
end

function line.dissector(tvb, pinfo, tree)
  local outbound = pinfo.p2p_dir == 0 -- P2P_DIR_SENT
  if not packets[pinfo.number] then
    look(pinfo.number, outbound, tvb:raw())
  end
  pinfo.cols.protocol = "n6link"
  pinfo.cols.src = outbound and "host" or "device"
  pinfo.cols.dst = outbound and "device" or "host"
  local packet, names = packets[pinfo.number], {}
  local top = tree:add(line, tvb(), "n6link, " .. (outbound and "host to device" or "device to host"))
  for _, item in ipairs(packet.found) do
    local inside = item.offset >= 0
    local range = inside and tvb(item.offset, item.last - item.first + 1) or tvb_of(item.bytes, "frame of several packets")()
    if item.kind == "frame" then
      local name = add_frame(range, outbound, top)
      names[#names + 1] = name
    else
      local part = top:add(own.skipped, range, range:len())
      if item.why == "header" then
        part:add_proto_expert_info(header_crc)
      elseif item.why == "payload" then
        part:add_proto_expert_info(payload_crc)
      elseif item.bytes:find("[^%z]") then
        part:add_proto_expert_info(stray)
      end
      names[#names + 1] = item.bytes:find("[^%z]") and "[" .. range:len() .. " bytes skipped]" or "[zeros]"
    end
  end
  if packet.left > 0 then
    top:add(own.part, packet.left):set_generated()
    names[#names + 1] = "..."
  end
  pinfo.cols.info = table.concat(names, ", ")
  return tvb:len()
end

function events.dissector(tvb, pinfo, tree)
  local text = tvb:raw()
  pinfo.cols.protocol = "n6link event"
  pinfo.cols.src, pinfo.cols.dst = "host", ""
  pinfo.cols.info = text:match('"said": "(.-[^\\])"') or text
  tree:add(events, tvb()):add(said, tvb())
  if text:find('"event": "attached"', 1, true) or text:find('"event": "gap"', 1, true) then
    if not pinfo.visited then
      rest = { [true] = "", [false] = "" }
    end
  end
  return tvb:len()
end

local encapsulations = DissectorTable.get("wtap_encap")
local names = wtap or wtap_encaps
encapsulations:add(names.USER0, line)
encapsulations:add(names.USER1, events)
