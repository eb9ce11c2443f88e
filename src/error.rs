//! The one place that turns what went wrong into a PostgreSQL error with SQLSTATE, DETAIL and HINT.
//!
//! No message shows a term: whoever sees the error need not be allowed to read the material. Terms that a caller has
//! just typed are named by their position.

use crate::error_media::MediaError;
use pg_moderation_engine::mine::MineError;
use pg_moderation_engine::{CompileError, MatchError, OpenError, TermError};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, function_name};

#[derive(Debug)]
pub enum Error {
    NotInstalled,
    /// A table or column of this version is missing.
    NotUpdated,
    UnknownPackage(String),
    Restricted(String),
    UnknownLanguage(String),
    LanguageWithoutForms,
    Mask,
    UnknownRelease {
        package: String,
        release: i32,
    },
    IncompleteRelease {
        package: String,
        release: i32,
        expected: i32,
        found: usize,
    },
    HuntTerms,
    Hunt(CompileError),
    OnePackageNeeded,
    FrequencySource,
    ReleaseOrDraft,
    InvalidText,
    NullTerm {
        position: usize,
    },
    Term {
        position: usize,
        error: TermError,
    },
    Compile(CompileError),
    Open(OpenError),
    Match(MatchError),
    DamagedState,
    NotATrigger,
    NotAttached {
        relation: String,
    },
    ColumnGone {
        column: String,
    },
    TableGone,
    NoEquality {
        column: String,
    },
    Detached {
        relation: String,
    },
    NoRowToUpdate {
        content_key: String,
    },
    SeveralRows {
        content_key: String,
    },
    SetAside {
        content_key: String,
    },
    Spool {
        what: &'static str,
        error: std::io::Error,
    },
    SpoolFile {
        file: String,
        reason: String,
    },
    /// A file of items that cannot be read at all.
    Import {
        what: String,
        detail: &'static str,
        hint: String,
    },
    SetFile {
        reason: String,
        full: bool,
    },
    Media(MediaError),
    Internal(&'static str),
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<CompileError> for Error {
    fn from(error: CompileError) -> Self {
        Self::Compile(error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<MatchError> for Error {
    fn from(error: MatchError) -> Self {
        Self::Match(error)
    }
}

impl From<MineError> for Error {
    fn from(error: MineError) -> Self {
        match error {
            MineError::Compile(error) => Self::Compile(error),
            MineError::Open(error) => Self::Open(error),
            MineError::Match(error) => Self::Match(error),
            MineError::OutOfMemory | MineError::Interrupted => Self::Compile(CompileError::OutOfMemory),
        }
    }
}

pub struct Report {
    code: Code,
    message: String,
    detail: String,
    hint: String,
}

pub fn report(code: Code, message: String, detail: impl Into<String>, hint: impl Into<String>) -> Report {
    Report {
        code,
        message,
        detail: detail.into(),
        hint: hint.into(),
    }
}

impl Error {
    fn describe(self) -> Report {
        match self {
            Self::NotInstalled => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                "extension pg_moderation is not installed in this database".into(),
                "Its schema or one of its tables does not exist.",
                "Run CREATE EXTENSION pg_moderation.",
            ),
            Self::NotUpdated => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "the tables of extension pg_moderation are not those of its library".into(),
                "One of its tables, indexes or columns is missing: they are of another version.",
                "Run ALTER EXTENSION pg_moderation UPDATE.",
            ),
            Self::UnknownPackage(name) => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("package \"{name}\" does not exist"),
                "No package has this name.",
                "Packages in force are listed in moderation.in_force.",
            ),
            Self::Restricted(package) => report(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the material of package \"{package}\" is not for this role"),
                "The package is restricted, or belongs to a team.",
                "Ask an operator of the team; counting and matching work for everybody.",
            ),
            Self::UnknownRelease { package, release } => report(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("package \"{package}\" has no release {release}"),
                "Releases are numbered from 1, in the order they were published.",
                "Releases are listed in moderation.releases.",
            ),
            Self::IncompleteRelease {
                package,
                release,
                expected,
                found,
            } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("release {release} of package \"{package}\" is not complete in this database"),
                format!("It has {expected} items, of which {found} are here."),
                "Wait until logical replication has copied moderation.item_versions, or restore that table.",
            ),
            Self::UnknownLanguage(code) => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("no stemmer knows the language \"{code}\""),
                "Languages are named by their ISO 639-1 codes.",
                format!(
                    "Known are: {}.",
                    pg_moderation_engine::Language::codes()
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            ),
            Self::LanguageWithoutForms => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "a language needs match => 'inflected' or 'rule'".into(),
                "In the other match modes a term has no grammatical forms.",
                "Leave language out, or use match => 'inflected'.",
            ),
            Self::Mask => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "mask must be one character".into(),
                "It stands for each hidden character.",
                "For example '*'.",
            ),
            Self::FrequencySource => report(
                Code::ERRCODE_WRONG_OBJECT_TYPE,
                "the frequency source is no table of words and frequencies".into(),
                "It must be a table with the columns word (text) and frequency (a number).",
                "Copy what you have into such a table; views are not read.",
            ),
            Self::HuntTerms => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "terms must be a JSON array of objects with a term, and perhaps match, level and language"
                    .into(),
                "They are no such array, or name a match mode or level that does not exist.",
                "For example '[{\"term\": \"online casino\", \"match\": \"word\", \"level\": \"folded\"}]'.",
            ),
            Self::Hunt(CompileError::Term { item, error }) => {
                term_report(usize::try_from(item).unwrap_or_default(), &error)
            }
            Self::Hunt(error) => compile_report(&error),
            Self::OnePackageNeeded => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "an explicit release or draft needs exactly one package".into(),
                "Release numbers belong to one package.",
                "For example text_hits(body, 'gambling', release => 3).",
            ),
            Self::ReleaseOrDraft => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "release and draft exclude each other".into(),
                "A text is judged by a release or by the draft.",
                "Give one of them.",
            ),
            Self::InvalidText => report(
                Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
                "text is not valid UTF-8".into(),
                "The server handed over bytes that are no Unicode text.",
                "Find out how they came into the database; PostgreSQL checks text on input.",
            ),
            Self::NullTerm { position } => report(
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("term {position} is NULL"),
                "Nothing was added.",
                "Remove it from the array, for example with array_remove(terms, NULL).",
            ),
            Self::Term { position, error } => term_report(position, &error),
            Self::Compile(error) => compile_report(&error),
            Self::Open(error) => report(
                Code::ERRCODE_DATA_CORRUPTED,
                error.to_string(),
                "A compiled set that was built a moment ago cannot be opened.",
                "This is a bug in pg_moderation; please report it.",
            ),
            Self::Match(MatchError::Interrupted) => report(
                Code::ERRCODE_QUERY_CANCELED,
                "matching was interrupted".into(),
                "The text was not judged to its end.",
                "Repeat the call.",
            ),
            Self::Match(error) => report(
                Code::ERRCODE_OUT_OF_MEMORY,
                error.to_string(),
                "The text was not judged to its end.",
                "Judge it in parts.",
            ),
            Self::DamagedState => report(
                Code::ERRCODE_DATA_CORRUPTED,
                "draft state has the wrong size".into(),
                "moderation.drafts.set_state was changed by hand.",
                "Restore it from a backup.",
            ),
            Self::NotATrigger => report(
                Code::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "this function works as a trigger only".into(),
                "It was called in another way, or as another kind of trigger.",
                "Use moderation.attach() to make the triggers.",
            ),
            Self::NotAttached { relation } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("table {relation} carries moderation triggers but is not attached"),
                "The trigger moderation_columns or the row in moderation.sources is missing or was changed.",
                "Call moderation.detach() on the table and then moderation.attach() again.",
            ),
            Self::ColumnGone { column } => report(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("the quarantined row has a column \"{column}\" that the table no longer has"),
                "The row cannot be stored as it was.",
                "Add the column again, or copy the row from moderation.quarantine by hand.",
            ),
            Self::TableGone => report(
                Code::ERRCODE_UNDEFINED_TABLE,
                "the table of the quarantined row does not exist any more".into(),
                "It was dropped after the row was quarantined.",
                "Discard the row with moderation.discard_quarantined().",
            ),
            Self::NoEquality { column } => report(
                Code::ERRCODE_UNDEFINED_FUNCTION,
                format!("the type of the id column \"{column}\" has no equality"),
                "The row that the quarantined update belongs to cannot be found by its id.",
                "Apply the update by hand from moderation.quarantine.",
            ),
            Self::Detached { relation } => report(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("table {relation} is not attached"),
                "Which row a quarantined update belongs to is known by the id column of the attached table.",
                "Call moderation.attach() again, or discard the update with moderation.discard_quarantined().",
            ),
            Self::SeveralRows { content_key } => report(
                Code::ERRCODE_CARDINALITY_VIOLATION,
                format!("more than one row has the key {content_key}"),
                "The quarantined update belongs to one of them.",
                "Make the id column unique, or apply the update by hand.",
            ),
            Self::NoRowToUpdate { content_key } => report(
                Code::ERRCODE_NO_DATA_FOUND,
                format!("the row {content_key} that the quarantined update belongs to is gone"),
                "It was deleted, or its key changed, after the update was quarantined; or a trigger suppressed the update.",
                "Discard it with moderation.discard_quarantined().",
            ),
            Self::SetAside { content_key } => report(
                Code::ERRCODE_TRIGGERED_ACTION_EXCEPTION,
                format!("row {content_key} was not stored"),
                "A trigger that fires before row level moderation, or one of the table's own, suppressed it.",
                "It stays in quarantine.",
            ),
            Self::Spool { what, error } => report(
                Code::ERRCODE_IO_ERROR,
                format!("could not {what} the spool of rejected hits: {error}"),
                "The row was to be rejected and its hits kept; neither must be lost, so the statement fails.",
                "Look at the folder pg_moderation in the data directory: free space, permissions.",
            ),
            Self::SpoolFile { file, reason } => report(
                Code::ERRCODE_DATA_CORRUPTED,
                format!("file {file} of the spool of rejected hits was set aside: {reason}"),
                "Its hits are not in moderation.hits; all others are collected.",
                "It lies below pg_moderation/spool in the data directory, its name ending in .damaged. Renamed to .hits it is collected again.",
            ),
            Self::Import { what, detail, hint } => {
                report(Code::ERRCODE_INVALID_PARAMETER_VALUE, what, detail, hint)
            }
            Self::SetFile { reason, full } => report(
                match full {
                    true => Code::ERRCODE_DISK_FULL,
                    false => Code::ERRCODE_IO_ERROR,
                },
                format!("the compiled set cannot be shared: {reason}"),
                "This process keeps a copy of its own; matching is not affected.",
                "Make room for, and let the server write to, pg_stat_tmp/pg_moderation in the data directory.",
            ),
            Self::Media(error) => error.describe(),
            Self::Internal(what) => report(
                Code::ERRCODE_INTERNAL_ERROR,
                format!("pg_moderation: {what}"),
                "An assumption about the server or our own tables does not hold.",
                "Please report it.",
            ),
        }
    }

    /// What went wrong, in one line.
    pub fn message(self) -> String {
        self.describe().message
    }

    /// Ends the statement with this error.
    pub fn raise(self) -> ! {
        let Report {
            code,
            message,
            detail,
            hint,
        } = self.describe();
        ErrorReport::new(code, message, function_name!())
            .set_detail(detail)
            .set_hint(hint)
            .report(PgLogLevel::ERROR);
        unreachable!("an ERROR does not return")
    }

    /// The same as a warning, for work that goes on.
    pub fn warn(self) {
        let Report {
            code,
            message,
            detail,
            hint,
        } = self.describe();
        ErrorReport::new(code, message, function_name!())
            .set_detail(detail)
            .set_hint(hint)
            .report(PgLogLevel::WARNING);
    }
}

fn term_report(position: usize, error: &TermError) -> Report {
    let (code, hint) = match error {
        TermError::Empty => (Code::ERRCODE_INVALID_PARAMETER_VALUE, "Leave empty terms out."),
        TermError::TooLong { .. } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "Use the shortest phrase that tells the risk.",
        ),
        TermError::NothingLeft => (
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "A term needs at least one letter, digit or symbol.",
        ),
        TermError::Syntax { hint, .. } => {
            return report(
                Code::ERRCODE_SYNTAX_ERROR,
                format!("term {position}: {error}"),
                "Nothing was added.",
                sentence(hint),
            );
        }
        TermError::TooShort { .. } => (
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            "Use match => 'word', or a longer term.",
        ),
        TermError::NoStemmer => (
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "Name the language (language => 'ru'), or use match => 'word', 'prefix' or 'wildcard'.",
        ),
        TermError::Unsupported { .. } => (
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "Use level => 'folded' with this match mode.",
        ),
    };
    report(
        code,
        format!("term {position}: {error}"),
        "Nothing was added.",
        hint,
    )
}

/// The engine's hints are phrases; PostgreSQL's are sentences.
fn sentence(phrase: &str) -> String {
    let mut characters = phrase.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

fn compile_report(error: &CompileError) -> Report {
    let (code, hint) = match error {
        CompileError::TooLarge { .. } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "Remove items, or spread them over fewer packages in force.",
        ),
        CompileError::OutOfMemory => (Code::ERRCODE_OUT_OF_MEMORY, "Free memory or remove items."),
        CompileError::Interrupted => (Code::ERRCODE_QUERY_CANCELED, "Repeat the call."),
        _ => (
            Code::ERRCODE_DATA_CORRUPTED,
            "Items are added through moderation.add_terms(), which checks them.",
        ),
    };
    report(
        code,
        error.to_string(),
        "The releases in force cannot be compiled.",
        hint,
    )
}
