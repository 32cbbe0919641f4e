//! The scripts: what is compared and written at once.
//!
//! Each begins with `#!lua`, so that an engine whose memory is full refuses it whole and not
//! after its first write (Redis 7.0 on). The keys of each are in one slot of a cluster.

/// The engine's clock, a hash's value and commit, and how long a lease lasts. Keys: hash, lease.
pub(crate) const LOOK: &str = "#!lua flags=no-writes
local time = redis.call('TIME')
return {time[1], time[2], redis.call('HGET', KEYS[1], 'v') or '', redis.call('HGET', KEYS[1], 'c') or '', redis.call('PTTL', KEYS[2])}";

/// Writes a probe if there is none that is a little later: one from far in the future is a mistake. Keys: probe, lease. Arguments: when the server was
/// asked, in milliseconds, the value, its TTL, the holder of the lease or nothing.
pub(crate) const PUT_PROBE: &str = "#!lua
local before = tonumber(redis.call('HGET', KEYS[1], 'at') or '')
local mine = tonumber(ARGV[1])
if before and before > mine and before < mine + 600000 then return 0 end
redis.call('HSET', KEYS[1], 'at', ARGV[1], 'v', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[4] then redis.call('UNLINK', KEYS[2]) end
return 1";

/// Commits, if the lease is still the holder's and the head still what they started from. Keys:
/// head, lease, entry. Arguments: the holder, the commit before or nothing, the commit, the head,
/// the entry or nothing, the TTL. 0: the lease is lost. 1: the head moved. 2: done.
pub(crate) const COMMIT: &str = "#!lua
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[1], 'c') or '') ~= ARGV[2] then return 1 end
if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) end
redis.call('HSET', KEYS[1], 'c', ARGV[3], 'v', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('UNLINK', KEYS[2])
return 2";

/// Makes a lease last longer, if it is still the holder's. Keys: lease. Arguments: the holder,
/// milliseconds.
pub(crate) const RENEW: &str = "#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Gives a lease back, if it is still the holder's. Keys: lease. Arguments: the holder.
pub(crate) const RELEASE: &str = "#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])";
