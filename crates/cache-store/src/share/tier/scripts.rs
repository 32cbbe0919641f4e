//! The scripts. A script compares and writes in one step.
//!
//! Each script begins with `#!lua`. So an engine whose memory is full refuses the whole script, and
//! does not stop after its first write (since Redis 7.0). All keys of a script are in one slot of a
//! cluster.

/// Reads the engine's clock, a hash's value and commit, and how long a lease still lasts. Keys:
/// hash, lease.
pub(crate) const LOOK: &str = "#!lua flags=no-writes
local time = redis.call('TIME')
return {time[1], time[2], redis.call('HGET', KEYS[1], 'v') or '', redis.call('HGET', KEYS[1], 'c') or '', redis.call('PTTL', KEYS[2])}";

/// Writes a probe, unless there is one that is a little later. A probe from far in the future is a
/// mistake and is replaced. Keys: probe, lease. Arguments: when the server was asked, in
/// milliseconds; the value; its TTL; the holder of the lease, or nothing.
pub(crate) const PUT_PROBE: &str = "#!lua
local before = tonumber(redis.call('HGET', KEYS[1], 'at') or '')
local mine = tonumber(ARGV[1])
if before and before > mine and before < mine + 600000 then return 0 end
redis.call('HSET', KEYS[1], 'at', ARGV[1], 'v', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[4] then redis.call('UNLINK', KEYS[2]) end
return 1";

/// Commits, if the holder still has the lease and the head is still the one that the holder started
/// from. Keys: head, lease, entry. Arguments: the holder; the commit before, or nothing; the
/// commit; the head; the entry, or nothing; the TTL. Returns 0 if the lease is lost, 1 if the head
/// moved, 2 if it is done.
pub(crate) const COMMIT: &str = "#!lua
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[1], 'c') or '') ~= ARGV[2] then return 1 end
if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) end
redis.call('HSET', KEYS[1], 'c', ARGV[3], 'v', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('UNLINK', KEYS[2])
return 2";

/// Extends a lease, if the holder still has it. Keys: lease. Arguments: the holder, milliseconds.
pub(crate) const RENEW: &str = "#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Gives a lease back, if the holder still has it. Keys: lease. Arguments: the holder.
pub(crate) const RELEASE: &str = "#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])";
