use super::*;

fn image(pages: &[&[u8; 512]]) -> Image {
    let base = Image::empty(Position::default());
    let mut overlay = Overlay::on(&base);
    for (index, page) in pages.iter().enumerate() {
        overlay.write(&base, index as u64 * 512, &page[..]).unwrap();
    }
    base.with(&overlay).0
}

#[test]
fn the_overlay_hides_nothing_it_did_not_write_and_the_base_never_changes() {
    let base = image(&[&[1; 512], &[2; 512]]);
    let mut overlay = Overlay::on(&base);
    overlay.write(&base, 512, &[9; 512]).unwrap();
    let mut buffer = [0; 1024];
    assert!(overlay.read(&base, 0, &mut buffer));
    assert_eq!((buffer[511], buffer[512]), (1, 9));
    assert!(base.read(0, &mut buffer));
    assert_eq!((buffer[511], buffer[512]), (1, 2));
}

#[test]
fn rewriting_a_page_with_its_own_content_is_no_change() {
    let base = image(&[&[1; 512], &[2; 512]]);
    let mut overlay = Overlay::on(&base);
    overlay.write(&base, 0, &[1; 512]).unwrap();
    overlay.write(&base, 512, &[3; 512]).unwrap();
    assert_eq!(base.with(&overlay).1, vec![PageNo::new(2).unwrap()]);
}

#[test]
fn a_read_past_the_end_gives_zeros_and_says_so() {
    let base = image(&[&[1; 512]]);
    let mut buffer = [7; 600];
    assert!(!base.read(0, &mut buffer));
    assert_eq!((buffer[511], buffer[512]), (1, 0));
    assert!(!Image::default().read(0, &mut buffer));
}

#[test]
fn truncating_drops_pages_and_growing_leaves_holes_of_zeros() {
    let base = image(&[&[1; 512], &[2; 512], &[3; 512]]);
    let mut overlay = Overlay::on(&base);
    overlay.truncate(512);
    let (after, changed) = base.with(&overlay);
    assert_eq!((after.page_count(), changed.len()), (1, 0));
    let mut overlay = Overlay::on(&after);
    overlay.write(&after, 1024, &[5; 512]).unwrap();
    let (after, changed) = after.with(&overlay);
    assert_eq!((after.page_count(), changed.len()), (3, 2));
    assert!(after.page(PageNo::new(2).unwrap()).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn an_image_loses_the_pages_that_its_header_does_not_count() {
    let mut first = [0; 512];
    first[28..32].copy_from_slice(&1u32.to_be_bytes());
    let base = image(&[&first, &[2; 512]]);
    assert_eq!(base.cut(512).map(|after| after.size()), Some(512));
    assert!(base.cut(1024).is_none() && base.cut(0).is_none() && Image::default().cut(0).is_none());
    let mut overlay = Overlay::on(&base);
    assert_eq!(overlay.cuts(&base), None);
    overlay.truncate(512);
    assert_eq!(overlay.cuts(&base), Some(512));
    overlay.write(&base, 0, &[3; 512]).unwrap();
    assert_eq!(overlay.cuts(&base), None);
}

#[test]
fn a_first_write_that_is_no_page_is_refused() {
    let base = Image::default();
    assert!(Overlay::on(&base).write(&base, 0, &[0; 100]).is_err());
}
