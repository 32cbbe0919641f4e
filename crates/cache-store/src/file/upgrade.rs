//! Reads the versions of a file, and upgrades a file that an earlier version wrote.
//!
//! A file has three versions: the file format (its tables and their keys), the schema of each
//! table's records, and the version of the indexing function. The first two stand in the meta table
//! as plain bytes, which any version can read. A file whose format or schema is newer than ours is
//! refused. The whole upgrade happens in one transaction.

use std::collections::BTreeSet;
use std::path::Path;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    TableError, WriteTransaction,
};
use tracing::info;

use plex_api::Private;

use crate::error::Error;
use crate::file::commit::commit;
use crate::file::config::{Opening, Upgrade};
use crate::file::meta::{put_store_row, read_store_row, store_row};
use crate::file::sections::{put_section, read_sections};
use crate::format::tables::{ALL, Goes};
use crate::format::{envelope, place, tables};
use crate::format::{item::ItemRow, meta::StoreRow};
use crate::index::postings::Postings;
use crate::model::index::{Index, Indexing};
use crate::model::partition::Division;
use crate::model::section::SectionState;
use crate::random_id::draw;

/// The file format that this version writes, and the newest that it reads.
///
/// Format 1 keyed sections by their number alone, and its indexes had one record for each bucket.
const FORMAT: u32 = 2;

/// The first schema of items with everything that matching reads. Items of an earlier schema lack
/// fields that only the server knows.
const ITEMS_WHOLE: u16 = 4;

/// Sections of format 1: number -> section row.
const SECTIONS_1: TableDefinition<'static, u32, &'static [u8]> = TableDefinition::new("sections");

/// A file that can be used.
pub(crate) struct Prepared {
    pub(crate) file_id: u64,
    /// `None`: the file was new, or of this version.
    pub(crate) upgrade: Option<Upgrade>,
}

/// What the meta table says.
pub(crate) struct Versions {
    format: u32,
    /// By table number.
    schemas: Vec<(u8, u16)>,
}

/// Reads the versions of a file, and refuses a foreign or a newer one. `None`: the file is empty.
pub(crate) fn check(db: &impl ReadableDatabase, path: &Path) -> Result<Option<Versions>, Error> {
    let doing = "reading its format";
    let txn = db.begin_read().map_err(Error::storage(doing))?;
    let Some(meta) = open_meta(&txn, path)? else { return Ok(None) };
    let Some(format) = meta.get(tables::FORMAT_KEY).map_err(Error::storage(doing))? else {
        return Err(Error::NotACache { path: path.to_owned() });
    };
    let format = <[u8; 4]>::try_from(format.value())
        .map(u32::from_le_bytes)
        .map_err(|_| Error::NotACache { path: path.to_owned() })?;
    if format > FORMAT {
        return Err(Error::NewerFormat { path: path.to_owned(), found: format, supported: FORMAT });
    }
    let schemas = meta.get(tables::SCHEMAS_KEY).map_err(Error::storage(doing))?;
    let schemas = schemas.as_ref().map_or(&[] as &[u8], |bytes| bytes.value());
    let (schemas, _) = schemas.as_chunks::<3>();
    let schemas: Vec<(u8, u16)> = schemas
        .iter()
        .map(|&[number, low, high]| (number, u16::from_le_bytes([low, high])))
        .collect();
    for &(number, found) in &schemas {
        let ours = ALL.iter().find(|table| table.number == number);
        let supported = ours.map_or(0, |table| table.schema);
        if found > supported {
            let table = ours.map_or_else(|| format!("#{number}"), |table| table.name.to_owned());
            let path = path.to_owned();
            return Err(Error::NewerRecords { path, table, found, supported });
        }
    }
    Ok(Some(Versions { format, schemas }))
}

/// The id of a file, if it can be read.
pub(crate) fn file_id(db: &impl ReadableDatabase) -> Option<u64> {
    let txn = db.begin_read().ok()?;
    let meta = txn.open_table(tables::META).ok()?;
    store_row(&meta).ok().map(|row| row.file_id)
}

fn open_meta(
    txn: &ReadTransaction,
    path: &Path,
) -> Result<Option<ReadOnlyTable<&'static str, &'static [u8]>>, Error> {
    match txn.open_table(tables::META) {
        Ok(meta) => Ok(Some(meta)),
        Err(TableError::TableDoesNotExist(_)) => {
            let mut tables = txn.list_tables().map_err(Error::storage("reading its format"))?;
            let empty = tables.next().is_none();
            if empty { Ok(None) } else { Err(Error::NotACache { path: path.to_owned() }) }
        }
        // A table of this name with other types belongs to another program.
        Err(TableError::TableTypeMismatch { .. } | TableError::TableIsMultimap(_)) => {
            Err(Error::NotACache { path: path.to_owned() })
        }
        Err(error) => Err(Error::storage("reading its format")(error)),
    }
}

/// Makes an open file ready. It creates the tables of a new file, upgrades a file of an earlier
/// version, and rebuilds indexes of another version.
pub(crate) fn prepare(db: &Database, opening: Opening<'_>) -> Result<Prepared, Error> {
    let Opening { path, config, .. } = opening;
    let Some(versions) = check(db, path)? else {
        let file_id = commit(db, "creating its tables", |txn| create(txn, opening))?;
        return Ok(Prepared { file_id, upgrade: None });
    };
    let row = {
        let txn = db.begin_read().map_err(Error::storage("starting to read"))?;
        let meta =
            txn.open_table(tables::META).map_err(Error::storage("reading its meta table"))?;
        store_row(&meta)?
    };
    let current = versions.format == FORMAT
        && versions.schemas == schemas()
        && row.indexing == config.indexing.version;
    if current {
        return Ok(Prepared { file_id: row.file_id, upgrade: None });
    }
    let (file_id, upgrade) = commit(db, "upgrading it", |txn| {
        // Another process may have upgraded the file meanwhile. A second upgrade does no harm.
        run(txn, &versions, config.indexing)
    })?;
    info!(path = %Private(path.display()), ?upgrade, "cache file upgraded");
    Ok(Prepared { file_id, upgrade: Some(upgrade) })
}

fn create(txn: &WriteTransaction, opening: Opening<'_>) -> Result<u64, Error> {
    let row = StoreRow {
        server: None,
        next_section: opening.first_section,
        indexing: opening.config.indexing.version,
        listed: Vec::new(),
        listed_at: None,
        file_id: draw(),
    };
    put_store_row(txn, &row)?;
    for table in &ALL {
        table.create(txn)?;
    }
    put_versions(txn)?;
    Ok(row.file_id)
}

fn run(
    txn: &WriteTransaction,
    versions: &Versions,
    indexing: Indexing,
) -> Result<(u64, Upgrade), Error> {
    let mut upgrade = Upgrade::default();
    let mut row = read_store_row(txn)?;
    if versions.format < 2 {
        rekey_sections(txn)?;
    }
    let mut reindex = row.indexing != indexing.version;
    let mut forget = BTreeSet::new();
    let mut list_again = false;
    for table in &ALL {
        let found = versions.schemas.iter().find(|(number, _)| *number == table.number);
        let found = found.map_or(u16::from(versions.format < 2), |(_, schema)| *schema);
        if is_index(table) {
            reindex |= found != table.schema;
            continue;
        }
        table.create(txn)?;
        if found == 0 || found == table.schema {
            continue; // new in this version, or as it was
        }
        upgrade.upgraded.push(table.name);
        list_again |= table.name == "items" && found < ITEMS_WHOLE;
        let dropped = table.upgrade(txn)?;
        if !dropped.is_empty() {
            upgrade.dropped.push(table.name);
            if table.goes == Goes::WithItems {
                forget.extend(dropped);
            }
        }
    }
    for mut state in read_sections(txn)? {
        if forget.contains(&state.id.0) {
            for table in
                ALL.iter().filter(|table| table.goes == Goes::WithItems && !is_index(table))
            {
                table.remove_section(txn, state.id)?;
            }
            state.forget();
            put_section(txn, &state)?;
        } else if list_again {
            // The items stay. The section is listed once before they are trusted again.
            (state.stamp, state.observed) = (None, None);
            put_section(txn, &state)?;
        }
    }
    if reindex {
        upgrade.rebuilt = ALL.iter().filter(|table| is_index(table)).map(|t| t.name).collect();
        build_indexes(txn, indexing)?;
        row.indexing = indexing.version;
    }
    if row.file_id == 0 {
        row.file_id = draw();
    }
    put_store_row(txn, &row)?;
    put_versions(txn)?;
    Ok((row.file_id, upgrade))
}

/// Gives the sections of format 1 the keys of the present format.
fn rekey_sections(txn: &WriteTransaction) -> Result<(), Error> {
    let doing = "upgrading its sections";
    let mut rows = Vec::new();
    {
        let earlier = match txn.open_table(SECTIONS_1) {
            Ok(table) => table,
            // The sections already have the present keys.
            Err(TableError::TableTypeMismatch { .. }) => return Ok(()),
            Err(error) => return Err(Error::storage(doing)(error)),
        };
        for row in earlier.iter().map_err(Error::storage(doing))? {
            let (key, value) = row.map_err(Error::storage(doing))?;
            rows.push((key.value(), value.value().to_owned()));
        }
    }
    txn.delete_table(SECTIONS_1).map_err(Error::storage(doing))?;
    let mut sections = txn.open_table(tables::SECTIONS).map_err(Error::storage(doing))?;
    for (section, value) in rows {
        sections.insert((section, 0), value.as_slice()).map_err(Error::storage(doing))?;
    }
    Ok(())
}

/// Builds every index from the items in the file.
fn build_indexes(txn: &WriteTransaction, indexing: Indexing) -> Result<(), Error> {
    let doing = "building its indexes anew";
    for index in Index::ALL {
        txn.delete_table(tables::index(index)).map_err(Error::storage(doing))?;
        txn.open_table(tables::index(index)).map_err(Error::storage(doing))?;
    }
    for mut state in read_sections(txn)? {
        state.divisions = [Division::default(); 3];
        if let Some(divisions) = index_section(txn, indexing, &state)? {
            state.divisions = divisions;
            // Every bucket is new, so every answer is checked once against its bucket.
            state.revision = state.revision.next();
        } else {
            for table in ALL.iter().filter(|table| table.goes == Goes::WithItems) {
                table.remove_section(txn, state.id)?;
            }
            state.forget();
        }
        put_section(txn, &state)?;
    }
    Ok(())
}

/// `None`: an item is damaged.
fn index_section(
    txn: &WriteTransaction,
    indexing: Indexing,
    state: &SectionState,
) -> Result<Option<[Division; 3]>, Error> {
    let doing = "building its indexes anew";
    let items = txn.open_table(tables::ITEMS).map_err(Error::storage(doing))?;
    let mut postings = Postings::new(txn, indexing, state, state.revision.next());
    let mut found = 0;
    for row in items.range(tables::whole(state.id)).map_err(Error::storage(doing))? {
        let (key, value) = row.map_err(Error::storage(doing))?;
        let place = place::item(state.id, key.value().1);
        let Ok(row) = envelope::open::<ItemRow>(place, value.value()) else { return Ok(None) };
        postings.enter(&row.item.into_item())?;
        found += 1;
    }
    if found != state.items {
        return Ok(None);
    }
    postings.finish()
}

fn is_index(table: &tables::Table) -> bool {
    Index::ALL.iter().any(|index| index.number() == table.number)
}

/// The schemas that this version writes.
fn schemas() -> Vec<(u8, u16)> {
    ALL.iter().map(|table| (table.number, table.schema)).collect()
}

fn put_versions(txn: &WriteTransaction) -> Result<(), Error> {
    let doing = "writing its format";
    let mut bytes = Vec::new();
    for (number, schema) in schemas() {
        let [low, high] = schema.to_le_bytes();
        bytes.extend([number, low, high]);
    }
    let mut meta = txn.open_table(tables::META).map_err(Error::storage(doing))?;
    meta.insert(tables::SCHEMAS_KEY, bytes.as_slice()).map_err(Error::storage(doing))?;
    meta.insert(tables::FORMAT_KEY, FORMAT.to_le_bytes().as_slice())
        .map_err(Error::storage(doing))?;
    Ok(())
}
