//! Subjects: what each row of the table of systems and steps asks of the
//! gateway, and the story as a whole.

mod people;
mod row_16;
mod row_25;
mod the_story;
